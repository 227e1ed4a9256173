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
#define TOTAL(...) PRAGMA(omp simd reduction(+:__VA_ARGS__))
#define LARGEST(x) PRAGMA(omp simd reduction(max:x))

static inline float from_bits(uint32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
static inline uint32_t to_bits(float x) { uint32_t bits; memcpy(&bits, &x, 4); return bits; }

/* 16 numbers. */
typedef float many __attribute__((vector_size(64)));

/* Read n numbers that begin at element `at`. */
static inline void load(float *to, const void *from, int64_t at, int64_t n, int is_short) {
    if (is_short) {
        const uint16_t *x = (const uint16_t *)from + at;
        EACH for (int64_t i = 0; i < n; i++) to[i] = from_bits((uint32_t)x[i] << 16);
    } else
        memcpy(to, (const float *)from + at, n * sizeof(float));
}

/* Write n numbers, rounded to the nearest, ties to even. */
static inline void store(void *to, int64_t at, const float *from, int64_t n, int is_short) {
    if (is_short) {
        uint16_t *y = (uint16_t *)to + at;
        EACH for (int64_t i = 0; i < n; i++) {
            uint32_t bits = to_bits(from[i]);
            y[i] = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
        }
    } else
        memcpy((float *)to + at, from, n * sizeof(float));
}

/* e^x within 2 units in the last place, for x from -87 to 88. */
static inline float exponential(float x) {
    x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    float n = rintf(x * 1.44269504f);
    float r = fmaf(n, -0.693145752f, x);
    r = fmaf(n, -1.42860677e-6f, r);
    float y = 1.9875691500e-4f;
    y = fmaf(y, r, 1.3981999507e-3f); y = fmaf(y, r, 8.3334519073e-3f); y = fmaf(y, r, 4.1665795894e-2f);
    y = fmaf(y, r, 1.6666665459e-1f); y = fmaf(y, r, 5.0000001201e-1f);
    y = fmaf(y, r * r, r + 1.0f);
    return y * from_bits((uint32_t)((int32_t)n + 127) << 23);
}

/* F(x), the normal distribution, from bell = e^(-x^2/2): 1 - F(|x|) = bell P(t) / 2, t = 1 / (1 + r |x|), within 1e-7 (Abramowitz and Stegun 7.1.26). */
static inline float below(float x, float bell) {
    float t = 1.0f / (1.0f + 0.231641888f * fabsf(x));
    float tail = 0.5f * bell * t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    return x < 0 ? tail : 1.0f - tail;
}

/* 32 well-mixed bits of 32 bits. */
static inline uint32_t mix(uint32_t x) {
    x ^= x >> 16; x *= 0x7feb352d; x ^= x >> 15; x *= 0x846ca68b; x ^= x >> 16;
    return x;
}

/* The bits of an element are a function of (key, row, column): what the row gives, and the bits of column i. */
typedef struct { uint32_t a, b; } Hash;
static inline Hash hash_of(int64_t key, int64_t row) {
    uint32_t a = mix((uint32_t)row ^ (uint32_t)key);
    return (Hash){a, mix(a + (uint32_t)(key >> 32) + (uint32_t)(row >> 32) * 0x9e3779b9)};
}
static inline uint32_t hashed(Hash hash, int64_t i) {
    uint32_t h = ((uint32_t)i ^ hash.a) * 0x7feb352d;
    return (h ^ (h >> 15) ^ hash.b) * 0x846ca68b;
}

/* u in (0, 1), the middle of one of 2^23 intervals, which is exact: 0 and 1 are never met. */
static inline float inside(uint32_t bits) { return ((float)(int32_t)(bits >> 9) + 0.5f) * 1.1920928955078125e-7f; }
