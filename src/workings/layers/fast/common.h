/* What the kernels share. */
#ifdef __AVX512VNNI__
#include <immintrin.h>
#endif
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PRAGMA(text) _Pragma(#text)
#define ROWS PRAGMA(omp parallel for schedule(static) num_threads((int)threads))
#define EACH PRAGMA(omp simd)
#define TOTAL(x) PRAGMA(omp simd reduction(+:x))
#define LARGEST(x) PRAGMA(omp simd reduction(max:x))

static inline float from_bits(uint32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
static inline uint32_t to_bits(float x) { uint32_t bits; memcpy(&bits, &x, 4); return bits; }
