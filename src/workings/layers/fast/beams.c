/* What translating repeats for every token beside the products: attention of one query over columns that are named, not copied, and the likeliest tokens.
 *
 * All but what is kept is float32. Every row is worked on alone.
 */
#include "common.h"

/* One query of one head over n columns: to = sum_t softmax_t(ask . key_t) value_t. kept: rows of `stride` numbers, in float32 or bfloat16; the head's keys begin at
 * element `first` of a row, its values `stride` / 2 later. */
static inline __attribute__((always_inline)) void attend_one(float *to, const float *ask, const void *kept, const int32_t *place, int64_t n, int64_t stride,
                                                             int64_t first, const int64_t width, const int is_short) {
    int64_t wide = (n + 15) / 16 * 16;
    float s[wide], row[width], top = -1e30f, sum = 0;
    for (int64_t t = 0; t < n; t++) {
        float score = 0;
        load(row, kept, stride * place[t] + first, width, is_short);
        TOTAL(score) for (int64_t j = 0; j < width; j++) score += ask[j] * row[j];
        s[t] = score;
    }
    for (int64_t t = n; t < wide; t++) s[t] = -1e30f;
    LARGEST(top) for (int64_t t = 0; t < wide; t++) top = s[t] > top ? s[t] : top;
    TOTAL(sum) for (int64_t t = 0; t < wide; t++) { s[t] = exponential(s[t] - top); sum += s[t]; }
    memset(to, 0, width * sizeof(float));
    for (int64_t t = 0; t < n; t++) {
        float share = s[t] / sum;
        load(row, kept, stride * place[t] + first + stride / 2, width, is_short);
        EACH for (int64_t j = 0; j < width; j++) to[j] += share * row[j];
    }
}

/* y[r, m] = sum_i softmax_i(q[r, m] . k[places[r, i], m]) v[places[r, i], m] over i < counts[r], for each head m; the scale is in q already.
 * q: rows that are `between` numbers apart; kept: rows [heads width keys, heads width values]; places: [rows, room]; y: [rows, heads width].
 * The usual widths are known when this is compiled, so that their loops need no ends. What a row sees lies wherever it was written: all of the next row's is asked
 * for while this one is worked on. */
void attend_listed(float *y, const float *q, const void *kept, const int32_t *places, const int32_t *counts, int64_t rows, int64_t between, int64_t room,
                   int64_t heads, int64_t width, int64_t is_short, int64_t threads) {
    int64_t all = heads * width, bytes = 2 * all * (is_short ? 2 : 4);
    ROWS for (int64_t r = 0; r < rows; r++) {
        const int32_t *place = places + r * room, *next = place + room;
        for (int64_t t = 0, n = r + 1 < rows ? counts[r + 1] : 0; t < n; t++)
            for (const char *at = (const char *)kept + bytes * next[t], *end = at + bytes; at < end; at += 64) __builtin_prefetch(at);
        for (int64_t m = 0; m < heads; m++) {
            const float *ask = q + r * between + m * width;
            float *to = y + r * all + m * width;
#define ATTEND(width, is_short) attend_one(to, ask, kept, place, counts[r], 2 * all, m * width, width, is_short)
            if (is_short) { if (width == 64) ATTEND(64, 1); else if (width == 32) ATTEND(32, 1); else ATTEND(width, 1); }
            else { if (width == 64) ATTEND(64, 0); else if (width == 32) ATTEND(32, 0); else ATTEND(width, 0); }
#undef ATTEND
        }
    }
}

/* The `count` largest of each row of logits [rows, size], whose rows are `between` numbers apart, largest first (the earlier of two that are equal), where they are, and the log of the sum of e^l,
 * in one pass: a piece of the row is looked at closely only when it holds something large enough. */
#define PIECE 256
void likeliest(float *values, int64_t *tokens, float *totals, const float *logits, int64_t rows, int64_t between, int64_t size, int64_t count,
               int64_t threads) {
    ROWS for (int64_t r = 0; r < rows; r++) {
        const float *row = logits + r * between;
        float *best = values + r * count, base = -1e30f, least = -INFINITY;
        int64_t *where = tokens + r * count, have = 0;
        double sum = 0;
        for (int64_t begin = 0; begin < size; begin += PIECE) {
            int64_t n = size - begin < PIECE ? size - begin : PIECE;
            const float *x = row + begin;
            float top = -INFINITY, part = 0;
            LARGEST(top) for (int64_t j = 0; j < n; j++) top = x[j] > top ? x[j] : top;
            if (top > base) { sum *= exp((double)base - top); base = top; }
            TOTAL(part) for (int64_t j = 0; j < n; j++) part += exponential(x[j] - base);
            sum += part;
            if (have == count && top <= least) continue;
            for (int64_t j = 0; j < n; j++) {
                if (have == count && x[j] <= least) continue;
                int64_t k = have < count ? have++ : count - 1;
                for (; k > 0 && best[k - 1] < x[j]; k--) { best[k] = best[k - 1]; where[k] = where[k - 1]; }
                best[k] = x[j]; where[k] = begin + j;
                if (have == count) least = best[count - 1];
            }
        }
        totals[r] = base + (float)log(sum);
    }
}
