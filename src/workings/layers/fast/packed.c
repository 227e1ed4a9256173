/* What an encoder needs for texts that lie one after another without padding: attention inside each text, and the sum and norm between its parts.
 *
 * Numbers are read and written as float32 or bfloat16 (the `short` flags) and computed in float32.
 */
#include "common.h"

#define SIXTEEN 16
static inline int64_t up(int64_t n) { return (n + SIXTEEN - 1) / SIXTEEN * SIXTEEN; }
static inline many read_many(const float *x) { many y; memcpy(&y, x, sizeof y); return y; }
static inline void write_many(float *y, many x) { memcpy(y, &x, sizeof x); }

/* Four rows and 32 columns of a product at a time: eight sums, which hide the time that an addition takes. Then 16 columns, if they are left.
 * y[r, c] = sum_j x[r, j] w[j, c] for r < 4; x [4, inputs] with `room` numbers from row to row, w [inputs, columns], columns divisible by 16. */
#define FOUR 4
static inline void four_rows(float *y, const float *x, int64_t room, const float *w, int64_t inputs, int64_t columns) {
    int64_t c = 0;
    for (; c + 2 * SIXTEEN <= columns; c += 2 * SIXTEEN) {
        many a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0}, b0 = {0}, b1 = {0}, b2 = {0}, b3 = {0};
        for (int64_t j = 0; j < inputs; j++) {
            many left = read_many(w + j * columns + c), right = read_many(w + j * columns + c + SIXTEEN);
            float x0 = x[j], x1 = x[room + j], x2 = x[2 * room + j], x3 = x[3 * room + j];
            a0 += left * x0; b0 += right * x0;
            a1 += left * x1; b1 += right * x1;
            a2 += left * x2; b2 += right * x2;
            a3 += left * x3; b3 += right * x3;
        }
        write_many(y + c, a0); write_many(y + c + SIXTEEN, b0);
        write_many(y + columns + c, a1); write_many(y + columns + c + SIXTEEN, b1);
        write_many(y + 2 * columns + c, a2); write_many(y + 2 * columns + c + SIXTEEN, b2);
        write_many(y + 3 * columns + c, a3); write_many(y + 3 * columns + c + SIXTEEN, b3);
    }
    if (c < columns) {
        many a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0};
        for (int64_t j = 0; j < inputs; j++) {
            many left = read_many(w + j * columns + c);
            a0 += left * x[j]; a1 += left * x[room + j]; a2 += left * x[2 * room + j]; a3 += left * x[3 * room + j];
        }
        write_many(y + c, a0); write_many(y + columns + c, a1); write_many(y + 2 * columns + c, a2); write_many(y + 3 * columns + c, a3);
    }
}

/* z <- e^(scale (z - the largest)) over the first n of `columns` numbers, 0 beyond; the sum of them is returned. */
static inline float exponentials(float *z, int64_t n, int64_t columns, float scale) {
    float top[SIXTEEN], sum[SIXTEEN], *last = z + columns - SIXTEEN;
    EACH for (int64_t i = 0; i < SIXTEEN; i++) {
        last[i] = i < n - (columns - SIXTEEN) ? last[i] : -1e30f;
        top[i] = last[i];
        sum[i] = 0;
    }
    for (int64_t c = 0; c < columns - SIXTEEN; c += SIXTEEN)
        EACH for (int64_t i = 0; i < SIXTEEN; i++) top[i] = z[c + i] > top[i] ? z[c + i] : top[i];
    float largest = top[0];
    LARGEST(largest) for (int64_t i = 0; i < SIXTEEN; i++) largest = top[i] > largest ? top[i] : largest;
    for (int64_t c = 0; c < columns; c += SIXTEEN)
        EACH for (int64_t i = 0; i < SIXTEEN; i++) {
            z[c + i] = exponential(scale * (z[c + i] - largest));
            sum[i] += z[c + i];
        }
    float total = 0;
    TOTAL(total) for (int64_t i = 0; i < SIXTEEN; i++) total += sum[i];
    return total;
}

/* Read or write `width` numbers, divisible by 16. */
static inline void load_many(float *to, const void *from, int64_t at, int64_t width, const int is_short) {
    for (int64_t i = 0; i < width; i += SIXTEEN)
        if (is_short) load(to + i, from, at + i, SIXTEEN, 1);
        else write_many(to + i, read_many((const float *)from + at + i));
}
static inline void store_many(void *to, int64_t at, float *from, int64_t width, const int is_short) {
    for (int64_t i = 0; i < width; i += SIXTEEN)
        if (is_short) store(to, at + i, from + i, SIXTEEN, 1);
        else write_many((float *)to + at + i, read_many(from + i));
}

/* One head of one text of n tokens: y_t = sum_s softmax_s(scale q_t . k_s) v_s. A token is a row of qkv [3 heads width], and of y [heads width]. */
static inline __attribute__((always_inline)) void one_head(void *y, const void *qkv, int64_t first, int64_t n, int64_t head, int64_t heads, int64_t width,
                                                           float scale, float *room, const int is_short) {
    int64_t columns = up(n), row = 3 * heads * width;
    float *keys = room, *values = keys + width * columns, *q = values + n * width, *s = q + FOUR * width, *mixed = s + FOUR * columns;
    for (int64_t t = 0; t < n; t++) {
        load_many(q, qkv, (first + t) * row + (heads + head) * width, width, is_short);
        for (int64_t j = 0; j < width; j++) keys[j * columns + t] = q[j];
        load_many(values + t * width, qkv, (first + t) * row + (2 * heads + head) * width, width, is_short);
    }
    for (int64_t j = 0; j < width; j++)
        for (int64_t t = n; t < columns; t++) keys[j * columns + t] = 0;
    for (int64_t t = 0; t < n; t += FOUR) {
        int64_t rows = n - t < FOUR ? n - t : FOUR;
        float shares[FOUR];
        for (int64_t r = 0; r < FOUR; r++) load_many(q + r * width, qkv, (first + t + (r < rows ? r : 0)) * row + head * width, width, is_short);
        four_rows(s, q, width, keys, width, columns);
        for (int64_t r = 0; r < FOUR; r++) shares[r] = 1.0f / exponentials(s + r * columns, n, columns, scale);
        four_rows(mixed, s, columns, values, n, width);
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t i = 0; i < width; i += SIXTEEN) write_many(mixed + r * width + i, read_many(mixed + r * width + i) * shares[r]);
            store_many(y, (first + t + r) * heads * width + head * width, mixed + r * width, width, is_short);
        }
    }
}

/* Attention inside each text: text i is the rows starts[i] ... starts[i + 1] - 1, at most `longest`. Every text is worked on alone. width: divisible by 16. */
void attend_packed(void *y, const void *qkv, const int64_t *starts, int64_t texts, int64_t longest, int64_t heads, int64_t width, double scale, int64_t is_short,
                   int64_t threads) {
    int64_t floats = width * up(longest) + longest * width + FOUR * (2 * width + up(longest));
    PRAGMA(omp parallel num_threads((int)threads)) {
        float *room = malloc(floats * sizeof(float));
        PRAGMA(omp for schedule(dynamic, heads))
        for (int64_t i = 0; i < texts * heads; i++) {
            int64_t first = starts[i / heads], n = starts[i / heads + 1] - first;
            if (i % heads == 0) { /* a text is asked for as it lies; its heads then find their strips of it in the cache */
                int64_t row = 3 * heads * width * (is_short ? 2 : 4);
                for (const char *at = (const char *)qkv + first * row, *end = at + n * row; at < end; at += 64) __builtin_prefetch(at);
            }
            if (is_short) one_head(y, qkv, first, n, i % heads, heads, width, (float)scale, room, 1);
            else one_head(y, qkv, first, n, i % heads, heads, width, (float)scale, room, 0);
        }
        free(room);
    }
}

/* x <- N(x + y), in float32, and the same in bfloat16 in `copy` if that is given. weight and bias: of the norm. */
void add_norm(float *x, void *copy, const void *y, const float *weight, const float *bias, int64_t rows, int64_t width, double epsilon, int64_t is_short,
              int64_t threads) {
    ROWS for (int64_t row = 0; row < rows; row++) {
        float z[width], *to = x + row * width, mean = 0, variance = 0;
        load(z, y, row * width, width, is_short);
        TOTAL(mean) for (int64_t i = 0; i < width; i++) { z[i] += to[i]; mean += z[i]; }
        mean /= width;
        TOTAL(variance) for (int64_t i = 0; i < width; i++) variance += (z[i] - mean) * (z[i] - mean);
        float scale = 1.0f / sqrtf(variance / width + (float)epsilon);
        EACH for (int64_t i = 0; i < width; i++) to[i] = (z[i] - mean) * scale * weight[i] + bias[i];
        if (copy) store(copy, row * width, to, width, 1);
    }
}
