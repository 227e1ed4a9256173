/* What writing repeats for every token: products of a few rows by a matrix that stays, which is kept in the order in which it is read.
 *
 * Matrices are float32, bfloat16 or 8 bits; rows and results are float32. Every row is summed alone, so it does not depend on the others.
 */
#include "common.h"

typedef float many __attribute__((vector_size(64)));
typedef uint32_t many_bits __attribute__((vector_size(64)));
typedef uint16_t many_shorts __attribute__((vector_size(32)));

static inline many wide_float(const void *w) { many x; memcpy(&x, w, 64); return x; }
static inline many wide_short(const void *w) {
    many_shorts s; memcpy(&s, w, 32);
    many_bits bits = __builtin_convertvector(s, many_bits) << 16;
    many x; memcpy(&x, &bits, 64); return x;
}

/* The sums of 64 outputs over all inputs, in four vectors: w [inputs, 64] is read in the order in which it lies. */
#define BLOCK(name, wide, bytes)                                                                     \
    static void name(float *y, const float *x, const char *w, int64_t inputs) {                      \
        many a = {0}, b = {0}, c = {0}, d = {0};                                                     \
        for (int64_t j = 0; j < inputs; j++, w += 64 * bytes) {                                      \
            a += wide(w) * x[j];                                                                     \
            b += wide(w + 16 * bytes) * x[j];                                                        \
            c += wide(w + 32 * bytes) * x[j];                                                        \
            d += wide(w + 48 * bytes) * x[j];                                                        \
        }                                                                                            \
        memcpy(y, &a, 64); memcpy(y + 16, &b, 64); memcpy(y + 32, &c, 64); memcpy(y + 48, &d, 64);   \
    }
BLOCK(block_float, wide_float, 4)
BLOCK(block_short, wide_short, 2)

/* y[r, i] = sum_j w[i, j] x[r, j] + bias[i] for a few rows r, in float32: a block of w is read once for all of them, and each row is summed alone.
 * w [outputs / 64, inputs, 64] in float32 or bfloat16; y [rows, outputs]. */
void few_rows(float *y, const float *x, const void *w, const float *bias, int64_t rows, int64_t outputs, int64_t inputs, int64_t is_short, int64_t threads) {
    ROWS for (int64_t i = 0; i < outputs; i += 64)
        for (int64_t r = 0; r < rows; r++) {
            float sums[64], *to = y + r * outputs + i;
            if (is_short) block_short(sums, x + r * inputs, (const char *)w + i * inputs * 2, inputs);
            else block_float(sums, x + r * inputs, (const char *)w + i * inputs * 4, inputs);
            EACH for (int64_t k = 0; k < 64; k++) to[k] = sums[k] + (bias ? bias[i + k] : 0.0f);
        }
}

/* 64 sums over inputs of unsigned x and signed w in 8 bits, w [inputs / 4, 64, 4]: one instruction adds four products in each of 16 sums. */
static void block_byte(int32_t *sums, const uint8_t *x, const int8_t *w, int64_t inputs) {
#ifdef __AVX512VNNI__
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a;
    for (int64_t j = 0; j < inputs; j += 4, w += 256) {
        int32_t four; memcpy(&four, x + j, 4);
        __m512i all = _mm512_set1_epi32(four);
        a = _mm512_dpbusd_epi32(a, all, _mm512_loadu_si512(w));
        b = _mm512_dpbusd_epi32(b, all, _mm512_loadu_si512(w + 64));
        c = _mm512_dpbusd_epi32(c, all, _mm512_loadu_si512(w + 128));
        d = _mm512_dpbusd_epi32(d, all, _mm512_loadu_si512(w + 192));
    }
    _mm512_storeu_si512(sums, a); _mm512_storeu_si512(sums + 16, b); _mm512_storeu_si512(sums + 32, c); _mm512_storeu_si512(sums + 48, d);
#else
    memset(sums, 0, 64 * sizeof(int32_t));
    for (int64_t j = 0; j < inputs; j += 4, w += 256)
        EACH for (int64_t k = 0; k < 64; k++)
            for (int64_t l = 0; l < 4; l++) sums[k] += (int32_t)x[j + l] * w[4 * k + l];
#endif
}

/* The same with w = scale q in 8 bits, and each row of x rounded to 127 steps of its own largest number: x is kept as step (u - 128), so 128 times
 * the sum of a row of q is taken off again. q [outputs / 64, inputs / 4, 64, 4], row_sums [outputs]. */
void few_rows_of_bytes(float *y, const float *x, const int8_t *q, const float *scale, const int32_t *row_sums, const float *bias, int64_t rows, int64_t outputs,
                       int64_t inputs, int64_t threads) {
    for (int64_t r = 0; r < rows; r++) {
        uint8_t u[inputs];
        float top = 0;
        const float *from = x + r * inputs;
        LARGEST(top) for (int64_t j = 0; j < inputs; j++) top = fabsf(from[j]) > top ? fabsf(from[j]) : top;
        float step = top > 0 ? top / 127.0f : 1.0f, per = 1.0f / step;
        EACH for (int64_t j = 0; j < inputs; j++) u[j] = (uint8_t)((int32_t)rintf(from[j] * per) + 128);
        ROWS for (int64_t i = 0; i < outputs; i += 64) {
            int32_t sums[64];
            float *to = y + r * outputs + i;
            block_byte(sums, u, q + i * inputs, inputs);
            EACH for (int64_t k = 0; k < 64; k++) to[k] = step * scale[i + k] * (sums[k] - 128 * row_sums[i + k]) + (bias ? bias[i + k] : 0.0f);
        }
    }
}
