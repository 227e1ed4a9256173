/* Group norm with SiLU over maps whose pixels have their channels side by side: a picture at a time, which stays in the cache from the first pass to the last.
 *
 * With x^ = (x + a - mean) / sqrt(variance + epsilon) of its group, y = phi(x^ s + t). Kept for the way back, for each picture and channel: the factor r and
 * the offset o of x^ = x r + o, and the mean of x^ over the pixels.
 */
#include "common.h"

#define INLINE static inline __attribute__((always_inline))

INLINE float number(const void *x, int64_t i, const int is_short) {
    return is_short ? from_bits((uint32_t)((const uint16_t *)x)[i] << 16) : ((const float *)x)[i];
}

INLINE void put(void *y, int64_t i, float z, const int is_short) {
    if (is_short) {
        uint32_t bits = to_bits(z);
        ((uint16_t *)y)[i] = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    } else
        ((float *)y)[i] = z;
}

INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

/* The factor, the offset and the mean of x^ of one picture, [3, channels]. Sums are of distances from the first pixel, so that a large mean costs no digits. */
INLINE void moments(float *kept, const void *x, int64_t at, const float *added, int64_t pixels, int64_t channels, int64_t groups, float epsilon,
                    const int is_short) {
    float middle[channels], first[channels], second[channels];
    for (int64_t i = 0; i < channels; i++) { middle[i] = number(x, at + i, is_short); first[i] = second[i] = 0; }
    for (int64_t pixel = 0; pixel < pixels; pixel++) {
        int64_t from = at + pixel * channels;
        EACH for (int64_t i = 0; i < channels; i++) {
            float off = number(x, from + i, is_short) - middle[i];
            first[i] += off;
            second[i] += off * off;
        }
    }
    int64_t size = channels / groups;
    for (int64_t g = 0; g < groups; g++) {
        double mean = 0, squares = 0;
        for (int64_t i = g * size; i < (g + 1) * size; i++) {
            first[i] /= pixels;
            mean += (double)middle[i] + first[i] + (added ? added[i] : 0.0f);
        }
        mean /= size;
        for (int64_t i = g * size; i < (g + 1) * size; i++) {
            double off = (double)middle[i] + first[i] + (added ? added[i] : 0.0f) - mean;
            squares += (double)second[i] / pixels - (double)first[i] * first[i] + off * off;
        }
        float factor = (float)(1.0 / sqrt((squares > 0 ? squares : 0) / size + epsilon));
        for (int64_t i = g * size; i < (g + 1) * size; i++) {
            kept[i] = factor;
            kept[channels + i] = (float)((added ? added[i] : 0.0f) - mean) * factor;
            kept[2 * channels + i] = (float)((double)middle[i] + first[i] + (added ? added[i] : 0.0f) - mean) * factor;
        }
    }
}

INLINE void normalize_one(void *y, float *kept, const void *x, int64_t at, const float *added, const float *scale, const float *shift, int64_t pixels,
                          int64_t channels, int64_t groups, float epsilon, const int silu, const int is_short) {
    moments(kept, x, at, added, pixels, channels, groups, epsilon, is_short);
    float factor[channels], offset[channels];
    for (int64_t i = 0; i < channels; i++) {
        factor[i] = kept[i] * scale[i];
        offset[i] = kept[channels + i] * scale[i] + shift[i];
    }
    for (int64_t pixel = 0; pixel < pixels; pixel++) {
        int64_t from = at + pixel * channels;
        EACH for (int64_t i = 0; i < channels; i++) {
            float u = number(x, from + i, is_short) * factor[i] + offset[i];
            put(y, from + i, silu ? u * sigmoid(u) : u, is_short);
        }
    }
}

/* dx, and of each channel: the sum of dx over the pixels (the gradient of a), that of dz x^ (of s) and that of dz (of t), with z = x^ s + t. */
INLINE void backward_one(void *dx, float *sums, const void *dy, const void *x, int64_t at, const float *kept, const float *scale, const float *shift,
                         int64_t pixels, int64_t channels, int64_t groups, const int silu, const int is_short) {
    const float *r = kept, *o = kept + channels, *mean = kept + 2 * channels;
    float along[channels], over[channels];
    memset(along, 0, channels * sizeof(float));
    memset(over, 0, channels * sizeof(float));
    for (int64_t pixel = 0; pixel < pixels; pixel++) {
        int64_t from = at + pixel * channels;
        EACH for (int64_t i = 0; i < channels; i++) {
            float normal = number(x, from + i, is_short) * r[i] + o[i], d = number(dy, from + i, is_short);
            if (silu) {
                float u = normal * scale[i] + shift[i], s = sigmoid(u);
                d *= s + u * s * (1.0f - s);
            }
            over[i] += d;
            along[i] += d * normal;
            put(dx, from + i, d, is_short);
        }
    }
    int64_t size = channels / groups;
    float slope[channels], less[channels], bend[channels];
    for (int64_t g = 0; g < groups; g++) {
        double first = 0, second = 0;
        for (int64_t i = g * size; i < (g + 1) * size; i++) { first += (double)scale[i] * over[i]; second += (double)scale[i] * along[i]; }
        first /= (double)size * pixels;
        second /= (double)size * pixels;
        for (int64_t i = g * size; i < (g + 1) * size; i++) {
            slope[i] = r[i] * scale[i];
            bend[i] = r[i] * (float)second;
            less[i] = r[i] * (float)first;
            sums[i] = slope[i] * over[i] - pixels * (less[i] + bend[i] * mean[i]);
            sums[channels + i] = along[i];
            sums[2 * channels + i] = over[i];
        }
    }
    for (int64_t pixel = 0; pixel < pixels; pixel++) {
        int64_t from = at + pixel * channels;
        EACH for (int64_t i = 0; i < channels; i++) {
            float normal = number(x, from + i, is_short) * r[i] + o[i];
            put(dx, from + i, slope[i] * number(dx, from + i, is_short) - less[i] - bend[i] * normal, is_short);
        }
    }
}

/* What is known when this is compiled makes loops without questions in them. */
#define CHOOSE(call)                                             \
    if (silu && is_short) { call(1, 1); }                        \
    else if (silu) { call(1, 0); }                               \
    else if (is_short) { call(0, 1); }                           \
    else { call(0, 0); }

/* y of every picture. added: [pictures, channels], perhaps none; scale, shift: in rows that are `apart` numbers apart; kept: [pictures, 3, channels]. */
void group_norm(void *y, float *kept, const void *x, const float *added, const float *scale, const float *shift, int64_t pictures, int64_t pixels,
                int64_t channels, int64_t groups, int64_t apart, int64_t silu, int64_t is_short, double epsilon, int64_t threads) {
    ROWS for (int64_t p = 0; p < pictures; p++) {
#define ONE(silu, is_short)                                                                                                                                 \
    normalize_one(y, kept + p * 3 * channels, x, p * pixels * channels, added ? added + p * channels : 0, scale + p * apart, shift + p * apart, pixels,     \
                  channels, groups, (float)epsilon, silu, is_short)
        CHOOSE(ONE)
#undef ONE
    }
}

/* dx and sums [pictures, 3, channels]. */
void group_norm_backward(void *dx, float *sums, const void *dy, const void *x, const float *kept, const float *scale, const float *shift, int64_t pictures,
                         int64_t pixels, int64_t channels, int64_t groups, int64_t apart, int64_t silu, int64_t is_short, int64_t threads) {
    ROWS for (int64_t p = 0; p < pictures; p++) {
#define ONE(silu, is_short)                                                                                                                                 \
    backward_one(dx, sums + p * 3 * channels, dy, x, p * pixels * channels, kept + p * 3 * channels, scale + p * apart, shift + p * apart, pixels, channels, \
                 groups, silu, is_short)
        CHOOSE(ONE)
#undef ONE
    }
}
