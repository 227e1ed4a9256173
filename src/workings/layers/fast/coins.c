/* Coins: pictures thrown into zeros and ones, and the log-probability of what they show, forward and backward in one pass. `coins.py` has the same in PyTorch. */
#include "common.h"

/* x = 1 where 255 u < pixel, else 0, with the u of `uniform`. */
void thrown(float *x, const uint8_t *pixels, const int64_t *numbers, int64_t rows, int64_t width, int64_t key, int64_t first, int64_t threads) {
    ROWS for (int64_t row = 0; row < rows; row++) {
        Hash hash = hash_of(key, first + (numbers ? numbers[row] : row));
        const uint8_t *from = pixels + row * width;
        float *to = x + row * width;
        EACH for (int64_t i = 0; i < width; i++) to[i] = inside(hashed(hash, i)) * 255.0f < (float)from[i] ? 1.0f : 0.0f;
    }
}

/* log(1 + e) for e in (0, 1]: 2 artanh(s) with s = e / (2 + e), at most 1/3, within 1e-7. */
static inline float log_of_one_and(float e) {
    float s = e / (2.0f + e), t = s * s;
    return 2.0f * s * (1.0f + t * (0.333333333f + t * (0.2f + t * (0.142857143f + t * (0.111111111f + t * 0.0909090909f)))));
}

/* total[row] = sum_i (x_i l_i - softplus(l_i)) and slope = x - sigmoid(l), if it is wanted; each row of x serves `samples` rows of logits. */
void coin_density(float *total, void *slope, const void *logits, const float *x, int64_t rows, int64_t samples, int64_t width, int64_t short_logits, int64_t threads) {
    ROWS for (int64_t row = 0; row < rows; row++) {
        float l[width];
        const float *shown = x + row / samples * width;
        float sum = 0;
        load(l, logits, row * width, width, short_logits);
        TOTAL(sum) for (int64_t i = 0; i < width; i++) {
            float e = exponential(-fabsf(l[i])), r = 1.0f / (1.0f + e);
            sum += shown[i] * l[i] - (l[i] > 0 ? l[i] : 0.0f) - log_of_one_and(e);
            l[i] = shown[i] - (l[i] >= 0 ? r : e * r);
        }
        total[row] = sum;
        if (slope) store(slope, row * width, l, width, short_logits);
    }
}
