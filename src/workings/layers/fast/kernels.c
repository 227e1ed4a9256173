/* What training repeats for every element, in one pass each: dropout, softmax with dropout, GELU, layer norm.
 *
 * The products stay with PyTorch. Numbers are read and written as float32 or bfloat16 (the `short` flags) and computed in float32.
 * Arguments are pointers, int64_t or double.
 * Rows are shared out among `threads`; a row is the last dimension. `dropout.py` has the same mask in plain PyTorch.
 */
#include "common.h"

/* x <- x / (1 - p) where the mask keeps, 0 elsewhere; the mask of a row is a function of (key, row, column). */
static inline void drop(float *x, int64_t n, int64_t key, int64_t row, double p) {
    if (p <= 0) return;
    Hash hash = hash_of(key, row);
    int32_t least = (int32_t)(p * 16777216 + 0.5);
    float scale = (float)(1.0 / (1.0 - p));
    EACH for (int64_t i = 0; i < n; i++) {
        x[i] = (int32_t)(hashed(hash, i) >> 8) >= least ? x[i] * scale : 0.0f;
    }
}

/* y = x (dropped), which may change precision; `first` is the number of the first row in the whole batch, or what is added to the `numbers` of the rows. */
void dropped(void *y, const void *x, const int64_t *numbers, int64_t rows, int64_t width, int64_t short_x, int64_t short_y, int64_t key, int64_t first, double p, int64_t threads) {
    ROWS for (int64_t row = 0; row < rows; row++) {
        float z[width];
        load(z, x, row * width, width, short_x);
        drop(z, width, key, first + (numbers ? numbers[row] : row), p);
        store(y, row * width, z, width, short_y);
    }
}

/* u in (0, 1), the middle of one of 2^23 intervals; `numbers` and `first` as above. */
void uniform(float *u, const int64_t *numbers, int64_t rows, int64_t width, int64_t key, int64_t first, int64_t threads) {
    ROWS for (int64_t row = 0; row < rows; row++) {
        Hash hash = hash_of(key, first + (numbers ? numbers[row] : row));
        float *to = u + row * width;
        EACH for (int64_t i = 0; i < width; i++) to[i] = inside(hashed(hash, i));
    }
}

/* Columns are worked on in whole groups, so that no loop has a remainder. */
#define GROUP 32
static inline int64_t groups(int64_t n) { return (n + GROUP - 1) / GROUP * GROUP; }
static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

/* Read the first n columns of a row; the rest of the last group becomes `rest`. */
static inline void load_visible(float *to, const void *from, int64_t at, int64_t n, int64_t columns, float rest, int64_t is_short) {
    int64_t wide = groups(n);
    load(to, from, at, least(wide, columns), is_short);
    EACH for (int64_t i = wide - GROUP; i < wide; i++) to[i] = i < n ? to[i] : rest;
}

/* Write columns low to n - 1 of a row, and zeros before them and up to column `end`. */
static inline void store_visible(void *to, int64_t at, float *from, int64_t low, int64_t n, int64_t end, int64_t is_short) {
    int64_t wide = groups(n), size = is_short ? 2 : 4;
    memset(from, 0, low * sizeof(float));
    EACH for (int64_t i = wide - GROUP; i < wide; i++) from[i] = i < n ? from[i] : 0.0f;
    store(to, at, from, least(wide, end), is_short);
    if (wide < end) memset((char *)to + (at + wide) * size, 0, (end - wide) * size);
}

/* What row t of a head sees: columns low to n - 1; and `end`, as far as it is written: to the end of its block of `block` rows if causal. */
typedef struct { int64_t low, n, end; } Row;
static inline Row row_of(const int64_t *bounds, int64_t head, int64_t t, int64_t columns, int64_t block, int64_t causal) {
    int64_t low = bounds ? bounds[2 * head] : 0, high = bounds ? bounds[2 * head + 1] : columns;
    return (Row){low, causal ? least(t + 1, high) : high, causal ? least((t / block + 1) * block, columns) : columns};
}

/* A row that sees nothing. */
static inline void store_nothing(void *to, int64_t at, int64_t end, int64_t is_short) {
    int64_t size = is_short ? 2 : 4;
    memset((char *)to + at * size, 0, end * size);
}

/* For each row: weights = softmax(scale * scores) over the columns that it sees, 0 elsewhere, and kept = weights (dropped).
 * scores, weights, kept: [heads, rows, columns]; they may be one. bounds: the first visible column of each head and the one after its last, or none;
 * a causal row t sees none after t. */
void softmax(void *weights, void *kept, const void *scores, const int64_t *bounds, int64_t heads, int64_t rows, int64_t columns, int64_t block,
             int64_t causal, double scale, int64_t is_short, int64_t key, int64_t first, double p, int64_t threads) {
    ROWS for (int64_t head = 0; head < heads; head++) {
        float z[columns + GROUP];
        for (int64_t t = 0; t < rows; t++) {
            Row r = row_of(bounds, head, t, columns, block, causal);
            int64_t row = head * rows + t, at = row * columns, wide = groups(r.n);
            if (r.n <= r.low) {
                store_nothing(weights, at, r.end, is_short);
                if (p > 0) store_nothing(kept, at, r.end, is_short);
                continue;
            }
            float top = -1e30f, sum = 0;
            load_visible(z, scores, at, r.n, columns, -1e30f, is_short);
            for (int64_t i = 0; i < r.low; i++) z[i] = -1e30f;
            LARGEST(top) for (int64_t i = 0; i < wide; i++) top = z[i] > top ? z[i] : top;
            TOTAL(sum) for (int64_t i = 0; i < wide; i++) { z[i] = exponential((float)scale * (z[i] - top)); sum += z[i]; }
            float share = 1.0f / sum;
            EACH for (int64_t i = 0; i < wide; i++) z[i] *= share;
            store_visible(weights, at, z, r.low, r.n, r.end, is_short);
            if (p > 0) {
                drop(z, wide, key, first + row, p);
                store_visible(kept, at, z, r.low, r.n, r.end, is_short);
            }
        }
    }
}

/* gradient <- scale * weights * (g - sum g weights) with g = the gradient of the kept weights (dropped); kept is made again if p > 0. */
void softmax_backward(void *gradient, void *kept, const void *weights, const int64_t *bounds, int64_t heads, int64_t rows, int64_t columns, int64_t block,
                      int64_t causal, double scale, int64_t is_short, int64_t key, int64_t first, double p, int64_t threads) {
    ROWS for (int64_t head = 0; head < heads; head++) {
        float g[columns + GROUP], w[columns + GROUP];
        for (int64_t t = 0; t < rows; t++) {
            Row r = row_of(bounds, head, t, columns, block, causal);
            int64_t row = head * rows + t, at = row * columns, wide = groups(r.n);
            if (r.n <= r.low) {
                store_nothing(gradient, at, r.end, is_short);
                if (p > 0) store_nothing(kept, at, r.end, is_short);
                continue;
            }
            float sum = 0;
            load_visible(g, gradient, at, r.n, columns, 0, is_short);
            load_visible(w, weights, at, r.n, columns, 0, is_short);
            memset(g, 0, r.low * sizeof(float));
            drop(g, wide, key, first + row, p);
            TOTAL(sum) for (int64_t i = 0; i < wide; i++) sum += g[i] * w[i];
            EACH for (int64_t i = 0; i < wide; i++) g[i] = (float)scale * w[i] * (g[i] - sum);
            store_visible(gradient, at, g, r.low, r.n, r.end, is_short);
            if (p > 0) {
                drop(w, wide, key, first + row, p);
                store_visible(kept, at, w, r.low, r.n, r.end, is_short);
            }
        }
    }
}

/* tanh(u) with u = sqrt(2/pi) (x + 0.044715 x^3), as 1 - 2 / (e^2u + 1). */
static inline float bend(float x) { return 1.0f - 2.0f / (exponential(1.59576912f * (x + 0.044715f * x * x * x)) + 1.0f); }

/* y = x (1 + tanh(u)) / 2, and the slope y' = (1 + tanh(u)) / 2 + x (1 - tanh(u)^2) u' / 2. */
void gelu_tanh(void *y, void *slope, const void *x, int64_t rows, int64_t width, int64_t is_short, int64_t threads) {
    ROWS for (int64_t row = 0; row < rows; row++) {
        float z[width], s[width];
        load(z, x, row * width, width, is_short);
        EACH for (int64_t i = 0; i < width; i++) {
            float t = bend(z[i]);
            s[i] = 0.5f * (1.0f + t) + 0.5f * z[i] * (1.0f - t * t) * 0.79788456f * (1.0f + 0.134145f * z[i] * z[i]);
            z[i] *= 0.5f * (1.0f + t);
        }
        store(y, row * width, z, width, is_short);
        store(slope, row * width, s, width, is_short);
    }
}

/* y = x F(x) and the slope y' = F(x) + x f(x), with the normal distribution F and its density f. */
void gelu(void *y, void *slope, const void *x, int64_t rows, int64_t width, int64_t is_short, int64_t threads) {
    ROWS for (int64_t row = 0; row < rows; row++) {
        float z[width], s[width];
        load(z, x, row * width, width, is_short);
        EACH for (int64_t i = 0; i < width; i++) {
            float bell = exponential(-0.5f * z[i] * z[i]), share = below(z[i], bell);
            s[i] = share + z[i] * 0.39894228f * bell;
            z[i] *= share;
        }
        store(y, row * width, z, width, is_short);
        store(slope, row * width, s, width, is_short);
    }
}

/* y = (x - mean) / sqrt(var + epsilon) * weight + bias; mean and scale = 1 / sqrt(var + epsilon) are kept for each row. */
void layer_norm(void *y, float *means, float *scales, const void *x, const float *weight, const float *bias, int64_t rows, int64_t width, double epsilon,
                int64_t short_x, int64_t short_y, int64_t threads) {
    ROWS for (int64_t row = 0; row < rows; row++) {
        float z[width], mean = 0, variance = 0;
        load(z, x, row * width, width, short_x);
        TOTAL(mean) for (int64_t i = 0; i < width; i++) mean += z[i];
        mean /= width;
        TOTAL(variance) for (int64_t i = 0; i < width; i++) variance += (z[i] - mean) * (z[i] - mean);
        float scale = 1.0f / sqrtf(variance / width + (float)epsilon);
        EACH for (int64_t i = 0; i < width; i++) z[i] = (z[i] - mean) * scale * weight[i] + (bias ? bias[i] : 0.0f);
        store(y, row * width, z, width, short_y);
        means[row] = mean;
        scales[row] = scale;
    }
}

/* dx, and the sums over rows dweight and dbias [parts, width], one row of partial sums for each of `parts` spans of rows. */
void layer_norm_backward(void *dx, float *dweight, float *dbias, const void *dy, const void *x, const float *means, const float *scales, const float *weight,
                         int64_t rows, int64_t width, int64_t parts, int64_t short_x, int64_t short_y, int64_t threads) {
    ROWS for (int64_t part = 0; part < parts; part++) {
        float z[width], g[width], *dw = dweight + part * width, *db = dbias + part * width;
        memset(dw, 0, width * sizeof(float));
        memset(db, 0, width * sizeof(float));
        for (int64_t row = rows * part / parts; row < rows * (part + 1) / parts; row++) {
            float mean = means[row], scale = scales[row], sum = 0, along = 0;
            load(z, x, row * width, width, short_x);
            load(g, dy, row * width, width, short_y);
            EACH for (int64_t i = 0; i < width; i++) {
                z[i] = (z[i] - mean) * scale;
                dw[i] += g[i] * z[i];
                db[i] += g[i];
                g[i] *= weight[i];
            }
            TOTAL(sum) for (int64_t i = 0; i < width; i++) sum += g[i];
            TOTAL(along) for (int64_t i = 0; i < width; i++) along += g[i] * z[i];
            sum /= width;
            along /= width;
            EACH for (int64_t i = 0; i < width; i++) g[i] = scale * (g[i] - sum - z[i] * along);
            store(dx, row * width, g, width, short_x);
        }
    }
}
