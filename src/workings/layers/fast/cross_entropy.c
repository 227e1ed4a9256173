/* Cross-entropy over a vocabulary, its gradient found on the way: a row of logits is read once. */
#include "common.h"

/* losses = log(sum e^z) - (1 - s) z_t - s mean(z) for each row z of logits [rows, width], t its target; 0 where the target is `ignore`.
 * gradient, if wanted, = softmax(z) - (1 - s) [j = t] - s / width, in the precision of the logits. */
void cross_entropy(void *gradient, float *losses, const void *logits, const int64_t *targets, int64_t rows, int64_t width, double smoothing, int64_t ignore,
                   int64_t is_short, int64_t threads) {
    int64_t size = is_short ? 2 : 4;
    float rest = smoothing / width, own = 1.0 - smoothing;
    ROWS for (int64_t row = 0; row < rows; row++) {
        int64_t at = row * width, target = targets[row];
        if (target == ignore) {
            losses[row] = 0;
            if (gradient) memset((char *)gradient + at * size, 0, width * size);
            continue;
        }
        float z[width], top = -INFINITY, sum = 0, all = 0;
        load(z, logits, at, width, is_short);
        LARGEST(top) for (int64_t i = 0; i < width; i++) top = z[i] > top ? z[i] : top;
        float apart = z[target] - top;
        TOTAL(sum, all) for (int64_t i = 0; i < width; i++) {
            float x = z[i] - top;
            z[i] = exponential(x);
            sum += z[i];
            all += x;
        }
        losses[row] = logf(sum) - own * apart - (rest > 0 ? rest * all : 0); /* a logit of minus infinity is no token's, not NaN */
        if (!gradient) continue;
        float share = 1.0f / sum;
        EACH for (int64_t i = 0; i < width; i++) z[i] = z[i] * share - rest;
        z[target] -= own;
        store(gradient, at, z, width, is_short);
    }
}
