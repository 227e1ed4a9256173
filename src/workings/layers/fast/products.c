/* What writing repeats for every token: products of a few rows by a matrix that stays, which is kept in the order in which it is read.
 *
 * Matrices are float32, bfloat16 or 8 bits; rows and results are float32. Every row is summed alone, so it does not depend on the others.
 */
#include "common.h"

typedef uint32_t many_bits __attribute__((vector_size(64)));
typedef uint16_t many_shorts __attribute__((vector_size(32)));

static inline many wide_float(const void *w) { many x; memcpy(&x, w, 64); return x; }
static inline many wide_short(const void *w) {
    many_shorts s; memcpy(&s, w, 32);
    many_bits bits = __builtin_convertvector(s, many_bits) << 16;
    many x; memcpy(&x, &bits, 64); return x;
}

/* How many rows are summed at once: what is read of w then serves all of them. Every row is summed alone, in the same order whatever their number. */
#define FEW 4
#define INLINE static inline __attribute__((always_inline))

/* 64 sums for each of `rows` <= FEW rows over all inputs, in four vectors a row: w [inputs, 64] is read in the order in which it lies. */
INLINE void block(float *y, int64_t outputs, const float *x, const char *w, const float *bias, int64_t inputs, const int rows, const int is_short) {
    many sums[FEW][4] = {{{0}}};
    for (int64_t j = 0; j < inputs; j++, w += is_short ? 128 : 256) {
        many part[4];
        for (int c = 0; c < 4; c++) part[c] = is_short ? wide_short(w + 32 * c) : wide_float(w + 64 * c);
        for (int r = 0; r < rows; r++)
            for (int c = 0; c < 4; c++) sums[r][c] += part[c] * x[r * inputs + j];
    }
    for (int r = 0; r < rows; r++, y += outputs) {
        memcpy(y, sums[r], 256);
        if (bias) EACH for (int64_t k = 0; k < 64; k++) y[k] += bias[k];
    }
}

/* The same with a number of rows that is known when it runs; of more than FEW, the first ones. */
INLINE void rows_of_block(float *y, int64_t outputs, const float *x, const char *w, const float *bias, int64_t inputs, int64_t rows, const int is_short) {
    if (rows >= FEW) block(y, outputs, x, w, bias, inputs, FEW, is_short);
    else if (rows == 3) block(y, outputs, x, w, bias, inputs, 3, is_short);
    else if (rows == 2) block(y, outputs, x, w, bias, inputs, 2, is_short);
    else block(y, outputs, x, w, bias, inputs, 1, is_short);
}

/* y[r, i] = sum_j w[i, j] x[r, j] + bias[i] for a few rows r, in float32: a block of w is read once for all of them.
 * w [outputs / 64, inputs, 64] in float32 or bfloat16; y [rows, outputs]. */
void few_rows(float *y, const float *x, const void *w, const float *bias, int64_t rows, int64_t outputs, int64_t inputs, int64_t is_short, int64_t threads) {
    ROWS for (int64_t i = 0; i < outputs; i += 64) {
        const char *from = (const char *)w + i * inputs * (is_short ? 2 : 4);
        const float *b = bias ? bias + i : 0;
        for (int64_t r = 0; r < rows; r += FEW)
            if (is_short) rows_of_block(y + r * outputs + i, outputs, x + r * inputs, from, b, inputs, rows - r, 1);
            else rows_of_block(y + r * outputs + i, outputs, x + r * inputs, from, b, inputs, rows - r, 0);
    }
}

/* 64 sums for each of `rows` <= FEW rows over inputs of unsigned x and signed w in 8 bits, w [inputs / 4, 64, 4]: one instruction adds four products in
 * each of 16 sums. */
INLINE void block_byte(int32_t sums[][64], const uint8_t *x, const int8_t *w, int64_t inputs, const int rows) {
#ifdef __AVX512VNNI__
    __m512i all[FEW][4];
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < 4; c++) all[r][c] = _mm512_setzero_si512();
    for (int64_t j = 0; j < inputs; j += 4, w += 256) {
        __m512i part[4];
        for (int c = 0; c < 4; c++) part[c] = _mm512_loadu_si512(w + 64 * c);
        for (int r = 0; r < rows; r++) {
            int32_t four; memcpy(&four, x + r * inputs + j, 4);
            for (int c = 0; c < 4; c++) all[r][c] = _mm512_dpbusd_epi32(all[r][c], _mm512_set1_epi32(four), part[c]);
        }
    }
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < 4; c++) _mm512_storeu_si512(sums[r] + 16 * c, all[r][c]);
#else
    memset(sums, 0, rows * 64 * sizeof(int32_t));
    for (int64_t j = 0; j < inputs; j += 4, w += 256)
        for (int r = 0; r < rows; r++)
            EACH for (int64_t k = 0; k < 64; k++)
                for (int64_t l = 0; l < 4; l++) sums[r][k] += (int32_t)x[r * inputs + j + l] * w[4 * k + l];
#endif
}

/* The same with w = scale q in 8 bits, and each row of x rounded to 127 steps of its own largest number: x is kept as step (u - 128), so 128 times
 * the sum of a row of q is taken off again. q [outputs / 64, inputs / 4, 64, 4], row_sums [outputs]. */
void few_rows_of_bytes(float *y, const float *x, const int8_t *q, const float *scale, const int32_t *row_sums, const float *bias, int64_t rows, int64_t outputs,
                       int64_t inputs, int64_t threads) {
    uint8_t *u = malloc(rows * inputs);
    float *steps = malloc(rows * sizeof(float));
    ROWS for (int64_t r = 0; r < rows; r++) {
        float top = 0;
        const float *from = x + r * inputs;
        uint8_t *to = u + r * inputs;
        LARGEST(top) for (int64_t j = 0; j < inputs; j++) top = fabsf(from[j]) > top ? fabsf(from[j]) : top;
        float step = top > 0 ? top / 127.0f : 1.0f, per = 1.0f / step;
        EACH for (int64_t j = 0; j < inputs; j++) to[j] = (uint8_t)((int32_t)rintf(from[j] * per) + 128);
        steps[r] = step;
    }
    ROWS for (int64_t i = 0; i < outputs; i += 64)
        for (int64_t r = 0; r < rows;) {
            int32_t sums[FEW][64];
            int64_t now = r + FEW <= rows ? FEW : rows - r;
            const uint8_t *from = u + r * inputs;
            if (now == FEW) block_byte(sums, from, q + i * inputs, inputs, FEW);
            else if (now == 3) block_byte(sums, from, q + i * inputs, inputs, 3);
            else if (now == 2) block_byte(sums, from, q + i * inputs, inputs, 2);
            else block_byte(sums, from, q + i * inputs, inputs, 1);
            for (int64_t n = 0; n < now; n++, r++) {
                float *to = y + r * outputs + i;
                EACH for (int64_t k = 0; k < 64; k++) to[k] = steps[r] * scale[i + k] * (sums[n][k] - 128 * row_sums[i + k]) + (bias ? bias[i + k] : 0.0f);
            }
        }
    free(u);
    free(steps);
}
