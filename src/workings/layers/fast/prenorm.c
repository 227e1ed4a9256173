/* The sum and the norm between the parts of a layer whose norms stand before them. Numbers of y and the copy are float32 or bfloat16 (the `short` flag). */
#include "common.h"

/* x <- x + y in float32 (y may be absent), and copy <- N(x), a layer norm or a root-mean-square norm. weight and bias (which may be absent): of the norm. */
void add_then_norm(float *x, void *copy, const void *y, const float *weight, const float *bias, int64_t rows, int64_t width, double epsilon, int64_t is_rms,
                   int64_t is_short, int64_t threads) {
    ROWS for (int64_t row = 0; row < rows; row++) {
        float z[width], *to = x + row * width, mean = 0, variance = 0;
        if (y) {
            load(z, y, row * width, width, is_short);
            EACH for (int64_t i = 0; i < width; i++) to[i] += z[i];
        }
        if (!is_rms) {
            TOTAL(mean) for (int64_t i = 0; i < width; i++) mean += to[i];
            mean /= width;
        }
        TOTAL(variance) for (int64_t i = 0; i < width; i++) variance += (to[i] - mean) * (to[i] - mean);
        float scale = 1.0f / sqrtf(variance / width + (float)epsilon);
        EACH for (int64_t i = 0; i < width; i++) z[i] = (to[i] - mean) * scale * weight[i] + (bias ? bias[i] : 0.0f);
        store(copy, row * width, z, width, is_short);
    }
}
