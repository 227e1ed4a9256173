/* What stands between two convolutions: the largest of 2 x 2 pixels, batch norm without a scale, GELU. A pixel is `channels` numbers that lie side by side.
 *
 * Numbers are read and written as float32 or bfloat16 (the `short` flag) and computed in float32. Sums are kept for each picture, so that they do not
 * depend on the number of threads, and that no float32 sum has more terms than a picture has pixels.
 */
#include "common.h"

/* z = the largest of the pixels (2 r, 2 c) ... (2 r + 1, 2 c + 1) in each channel, and place = which of the four it is, the first of equals. */
void largest_of_four(void *z, uint8_t *place, const void *x, int64_t pictures, int64_t height, int64_t width, int64_t channels, int64_t is_short,
                     int64_t threads) {
    int64_t rows = height / 2, columns = width / 2;
    ROWS for (int64_t line = 0; line < pictures * rows; line++) {
        float best[channels], other[channels];
        int32_t which[channels];
        for (int64_t c = 0; c < columns; c++) {
            int64_t from = (line / rows * height + line % rows * 2) * width + c * 2, to = (line * columns + c) * channels;
            load(best, x, from * channels, channels, is_short);
            EACH for (int64_t i = 0; i < channels; i++) which[i] = 0;
            for (int32_t corner = 1; corner < 4; corner++) {
                load(other, x, (from + corner / 2 * width + corner % 2) * channels, channels, is_short);
                EACH for (int64_t i = 0; i < channels; i++) {
                    int32_t larger = (other[i] > best[i]) | (other[i] != other[i]);
                    best[i] = larger ? other[i] : best[i];
                    which[i] = larger ? corner : which[i];
                }
            }
            store(z, to, best, channels, is_short);
            EACH for (int64_t i = 0; i < channels; i++) place[to + i] = (uint8_t)which[i];
        }
    }
}

/* 16 bytes, and 16 numbers of either precision as their bits. */
typedef int8_t bytes16 __attribute__((vector_size(16)));
typedef int16_t shorts16 __attribute__((vector_size(32)));
typedef int32_t longs16 __attribute__((vector_size(64)));

/* dx <- dz where place is `corner`, else 0, for n numbers of `type`; in groups of 16, because a loop would go 64 at a time, and few maps have so many channels. */
#define KEEP(type, group, dx, dz, place, corner, n)                                                     \
    for (int64_t i = 0; i < (n); i += 16) {                                                             \
        if (i + 16 > (n)) {                                                                             \
            for (; i < (n); i++) (dx)[i] = (place)[i] == (corner) ? (dz)[i] : (type)0;                  \
            break;                                                                                      \
        }                                                                                               \
        bytes16 which;                                                                                  \
        group numbers;                                                                                  \
        memcpy(&which, (place) + i, sizeof which);                                                      \
        memcpy(&numbers, (dz) + i, sizeof numbers);                                                     \
        numbers &= __builtin_convertvector(which == (corner), group);                                   \
        memcpy((dx) + i, &numbers, sizeof numbers);                                                     \
    }

/* dx = dz at the place of the largest, 0 elsewhere; numbers are only moved, so that bits are all that matters. */
void largest_of_four_backward(void *dx, const void *dz, const uint8_t *place, int64_t pictures, int64_t height, int64_t width, int64_t channels,
                              int64_t is_short, int64_t threads) {
    int64_t rows = height / 2, columns = width / 2, size = is_short ? 2 : 4;
    ROWS for (int64_t line = 0; line < pictures * height; line++) {
        int64_t y = line % height, start = line * width * channels;
        if (y == rows * 2) {
            memset((char *)dx + start * size, 0, width * channels * size);
            continue;
        }
        for (int64_t x = 0; x < columns * 2; x++) {
            int64_t to = start + x * channels, from = ((line / height * rows + y / 2) * columns + x / 2) * channels;
            int8_t corner = (int8_t)(y % 2 * 2 + x % 2);
            if (is_short) {
                KEEP(int16_t, shorts16, (int16_t *)dx + to, (const int16_t *)dz + from, place + from, corner, channels)
            } else {
                KEEP(int32_t, longs16, (int32_t *)dx + to, (const int32_t *)dz + from, place + from, corner, channels)
            }
        }
        if (width % 2) memset((char *)dx + (start + (width - 1) * channels) * size, 0, channels * size);
    }
}

/* Of each picture: the sums over its pixels of x - middle and of (x - middle)^2, [pictures, 2, channels]. */
void channel_sums(float *sums, const void *x, const float *middle, int64_t pictures, int64_t pixels, int64_t channels, int64_t is_short, int64_t threads) {
    ROWS for (int64_t picture = 0; picture < pictures; picture++) {
        float z[channels], *first = sums + picture * 2 * channels, *second = first + channels;
        memset(first, 0, 2 * channels * sizeof(float));
        for (int64_t pixel = 0; pixel < pixels; pixel++) {
            load(z, x, (picture * pixels + pixel) * channels, channels, is_short);
            EACH for (int64_t i = 0; i < channels; i++) {
                float off = z[i] - middle[i];
                first[i] += off;
                second[i] += off * off;
            }
        }
    }
}

/* u = (x - mean) scale + bias + added, `added` perhaps none. */
static inline void normalized(float *u, const void *x, const void *added, float *of_added, const float *mean, const float *scale, const float *bias, int64_t at,
                              int64_t channels, int64_t is_short) {
    load(u, x, at, channels, is_short);
    EACH for (int64_t i = 0; i < channels; i++) u[i] = (u[i] - mean[i]) * scale[i] + bias[i];
    if (!added) return;
    load(of_added, added, at, channels, is_short);
    EACH for (int64_t i = 0; i < channels; i++) u[i] += of_added[i];
}

/* y = gelu(u). */
void norm_gelu(void *y, const void *x, const void *added, const float *mean, const float *scale, const float *bias, int64_t pixels, int64_t channels,
               int64_t is_short, int64_t threads) {
    ROWS for (int64_t pixel = 0; pixel < pixels; pixel++) {
        float u[channels], other[channels];
        normalized(u, x, added, other, mean, scale, bias, pixel * channels, channels, is_short);
        EACH for (int64_t i = 0; i < channels; i++) u[i] *= below(u[i], exponential(-0.5f * u[i] * u[i]));
        store(y, pixel * channels, u, channels, is_short);
    }
}

/* g = dy gelu'(u), and for each picture the sums of g and of g (x - mean) scale, [pictures, 2, channels]. */
void norm_gelu_slopes(void *g, float *sums, const void *dy, const void *x, const void *added, const float *mean, const float *scale, const float *bias,
                      int64_t pictures, int64_t pixels, int64_t channels, int64_t is_short, int64_t threads) {
    ROWS for (int64_t picture = 0; picture < pictures; picture++) {
        float u[channels], d[channels], other[channels], *first = sums + picture * 2 * channels, *second = first + channels;
        memset(first, 0, 2 * channels * sizeof(float));
        for (int64_t pixel = 0; pixel < pixels; pixel++) {
            int64_t at = (picture * pixels + pixel) * channels;
            normalized(u, x, added, other, mean, scale, bias, at, channels, is_short);
            load(d, dy, at, channels, is_short);
            EACH for (int64_t i = 0; i < channels; i++) {
                float bell = exponential(-0.5f * u[i] * u[i]);
                d[i] *= below(u[i], bell) + u[i] * 0.39894228f * bell;
            }
            store(g, at, d, channels, is_short);
            load(u, x, at, channels, is_short);
            EACH for (int64_t i = 0; i < channels; i++) {
                first[i] += d[i];
                second[i] += d[i] * (u[i] - mean[i]) * scale[i];
            }
        }
    }
}

/* g <- scale (g - over - (x - mean) scale along): through the batch's own mean and variance. */
void norm_backward(void *g, const void *x, const float *mean, const float *scale, const float *over, const float *along, int64_t pixels, int64_t channels,
                   int64_t is_short, int64_t threads) {
    ROWS for (int64_t pixel = 0; pixel < pixels; pixel++) {
        float d[channels], z[channels];
        load(d, g, pixel * channels, channels, is_short);
        load(z, x, pixel * channels, channels, is_short);
        EACH for (int64_t i = 0; i < channels; i++) d[i] = scale[i] * (d[i] - over[i] - (z[i] - mean[i]) * scale[i] * along[i]);
        store(g, pixel * channels, d, channels, is_short);
    }
}
