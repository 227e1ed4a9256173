/* What reading a prompt needs beside its products: causal attention that leaves keys and values in the cache, and the gate of a feed-forward part.
 *
 * Texts lie one after another without padding: text i is the rows starts[i] ... starts[i + 1] - 1. Numbers are read and written as float32 or bfloat16
 * (the `short` flag) and computed in float32; bfloat16 is multiplied as it is where the processor does that.
 */
#include "common.h"

#define SIXTEEN 16
#define TILE 8   /* queries that are worked on together: what is read of keys and values serves all of them */
#define SPAN 64  /* queries of one head that a thread takes at a time */
#define INLINE static inline __attribute__((always_inline))
#ifdef __AVX512BF16__
#define HAS_PAIRS 1
#else
#define HAS_PAIRS 0
#endif
static inline int64_t up(int64_t n, int64_t step) { return (n + step - 1) / step * step; }
static inline int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/* Sizes and places of a layer. A text of n tokens stands in the last n of the first `longest` columns of the cache.
 * The panels are copies in the order in which `tile` reads them, 4 bytes an element: a number, or a pair of neighbors on the side that is summed over. */
typedef struct {
    const void *q, *kv;  /* rows of queries [heads d] and of keys and values [(groups + values) d], `q_row` and `kv_row` numbers apart */
    float *both;         /* the cache [groups + values, texts, columns, d] */
    char *keys, *mixing; /* panels of keys [texts, groups, d, room] and, if they are pairs, of values [texts, values, room, d] */
    const int64_t *starts;
    const float *cosines, *sines; /* [T, d / 2], or absent */
    const float *norm, *scales;   /* weights of each query's and key's norm [heads + groups, d], or absent; what the queries of a head are multiplied by */
    float epsilon;
    int64_t texts, longest, columns, heads, groups, values, d, q_row, kv_row, window, last, is_short, room, pairs;
} Reading;

/* y[r, c] = sum_j x[r, j] w[j, c] for TILE rows r and 16 `vectors` columns c, over `inputs` elements of 4 bytes. */
INLINE void tile(float *y, int64_t y_row, const char *x, int64_t x_row, const char *w, int64_t w_row, int64_t inputs, const int vectors, const int pairs) {
    many sums[TILE][2] = {{{0}}};
    for (int64_t j = 0; j < inputs; j++, w += 4 * w_row) {
        many part[2];
        for (int c = 0; c < vectors; c++) memcpy(&part[c], w + sizeof(many) * c, sizeof(many));
        for (int r = 0; r < TILE; r++) {
            float one;
            memcpy(&one, x + 4 * (r * x_row + j), 4);
            for (int c = 0; c < vectors; c++) {
#if HAS_PAIRS
                if (pairs) { sums[r][c] = (many)_mm512_dpbf16_ps((__m512)sums[r][c], (__m512bh)part[c], (__m512bh)_mm512_set1_ps(one)); continue; }
#endif
                sums[r][c] += part[c] * one;
            }
        }
    }
    for (int r = 0; r < TILE; r++)
        for (int c = 0; c < vectors; c++) memcpy(y + r * y_row + SIXTEEN * c, &sums[r][c], sizeof(many));
}

/* The same for any number of columns that divides by 16. x and w: floats, or half as many pairs. */
static void tiles(float *y, int64_t y_row, const void *x, int64_t x_row, const char *w, int64_t w_row, int64_t inputs, int64_t columns, int64_t pairs) {
    for (int64_t c = 0; c < columns; c += 2 * SIXTEEN) {
        int one = c + SIXTEEN == columns;
        if (pairs && one) tile(y + c, y_row, x, x_row, w + 4 * c, w_row, inputs, 1, 1);
        else if (pairs) tile(y + c, y_row, x, x_row, w + 4 * c, w_row, inputs, 2, 1);
        else if (one) tile(y + c, y_row, x, x_row, w + 4 * c, w_row, inputs, 1, 0);
        else tile(y + c, y_row, x, x_row, w + 4 * c, w_row, inputs, 2, 0);
    }
}

/* z <- e^(z - the largest) from column `first` to before `end`, 0 in the other of `columns`; 1 / their sum is returned. */
static float weigh(float *z, int64_t first, int64_t end, int64_t columns) {
    float top = -1e30f, sum = 0;
    LARGEST(top) for (int64_t c = first; c < end; c++) top = z[c] > top ? z[c] : top;
    TOTAL(sum) for (int64_t c = 0; c < columns; c++) {
        float e = exponential(z[c] - top);
        z[c] = c >= first && c < end ? e : 0.0f;
        sum += z[c];
    }
    return 1.0f / sum;
}

/* A query or key of the t-th token: read, with the norm of its head and the turn of its place. */
static void load_head(float *z, const Reading *g, const void *from, int64_t at, int64_t head, int64_t t) {
    int64_t d = g->d, half = d / 2;
    load(z, from, at, d, (int)g->is_short);
    if (g->norm) {
        const float *weight = g->norm + head * d;
        float squares = 0;
        TOTAL(squares) for (int64_t j = 0; j < d; j++) squares += z[j] * z[j];
        float by = 1.0f / sqrtf(squares / d + g->epsilon);
        EACH for (int64_t j = 0; j < d; j++) z[j] *= by * weight[j];
    }
    if (g->cosines) {
        const float *cosines = g->cosines + t * half, *sines = g->sines + t * half;
        EACH for (int64_t j = 0; j < half; j++) {
            float a = z[j], b = z[half + j];
            z[j] = a * cosines[j] - b * sines[j];
            z[half + j] = b * cosines[j] + a * sines[j];
        }
    }
}

/* Keys and values of one group of a text go to the cache and to their panels. */
static void place(const Reading *g, int64_t text, int64_t group) {
    int64_t first = g->starts[text], n = g->starts[text + 1] - first, d = g->d, late = g->longest - n, value = g->groups + group;
    float *keys = g->both + ((group * g->texts + text) * g->columns + late) * d;
    float *values = g->both + ((value * g->texts + text) * g->columns + late) * d, few[SIXTEEN * d];
    uint16_t pair[SIXTEEN * d];
    for (int64_t t = 0; t < n; t += SIXTEEN) { /* what lies beyond the text is 0 */
        int64_t count = n - t < SIXTEEN ? n - t : SIXTEEN;
        memset(few, 0, sizeof few);
        for (int64_t i = 0; i < count; i++) load_head(few + i * d, g, g->kv, (first + t + i) * g->kv_row + group * d, g->heads + group, t + i);
        memcpy(keys + t * d, few, count * d * sizeof(float));
        if (g->pairs) store(pair, 0, few, SIXTEEN * d, 1);
        const char *from = g->pairs ? (char *)pair : (char *)few;
        int64_t inputs = g->pairs ? d / 2 : d;
        char *panel = g->keys + 4 * ((text * g->groups + group) * inputs * g->room + t);
        for (int64_t j = 0; j < inputs; j++)
            for (int64_t i = 0; i < SIXTEEN; i++) memcpy(panel + 4 * (j * g->room + i), from + 4 * (i * inputs + j), 4);
        if (group >= g->values) continue;
        memset(few, 0, sizeof few);
        for (int64_t i = 0; i < count; i++) load(few + i * d, g->kv, (first + t + i) * g->kv_row + value * d, d, (int)g->is_short);
        memcpy(values + t * d, few, count * d * sizeof(float));
        if (!g->pairs) continue;
        store(pair, 0, few, SIXTEEN * d, 1);
        uint16_t *to = (uint16_t *)g->mixing + ((text * g->values + group) * g->room + t) * d;
        for (int64_t i = 0; i < SIXTEEN; i += 2)
            for (int64_t j = 0; j < d; j++) {
                to[i * d + 2 * j] = pair[i * d + j];
                to[i * d + 2 * j + 1] = pair[(i + 1) * d + j];
            }
    }
}

/* y_t = sum_s a_ts v_s for the queries `begin` ... end - 1 of one head, with a_ts = softmax over s <= t, in the window, of scale q_t . k_s. */
static void attend(void *y, const Reading *g, int64_t text, int64_t head, int64_t begin, int64_t end, float *room) {
    int64_t first = g->starts[text], n = g->starts[text + 1] - first, d = g->d, group = head * g->groups / g->heads, late = g->longest - n;
    int64_t value = g->values == 1 ? 0 : group, each = g->pairs ? 2 : 1;
    const char *panel = g->keys + 4 * (text * g->groups + group) * (d / each) * g->room;
    const char *values = g->pairs ? g->mixing + 2 * (text * g->values + value) * g->room * d
                                  : (char *)(g->both + (((g->groups + value) * g->texts + text) * g->columns + late) * d);
    float *q = room, *mixed = q + TILE * d, *z = mixed + TILE * d, shares[TILE];
    uint16_t *rounded = (uint16_t *)(z + TILE * g->room); /* queries, then weights */
    for (int64_t t = begin; t < end; t += TILE) {
        int64_t rows = end - t < TILE ? end - t : TILE, seen = t + rows;
        int64_t from = g->window ? most(0, t - g->window + 1) / SIXTEEN * SIXTEEN : 0, columns = up(seen, SIXTEEN) - from;
        for (int64_t r = 0; r < TILE; r++) {
            int64_t at = t + (r < rows ? r : 0), row = g->last ? text : first + at;
            load_head(q + r * d, g, g->q, row * g->q_row + head * d, head, at);
            EACH for (int64_t j = 0; j < d; j++) q[r * d + j] *= g->scales[head];
        }
        if (g->pairs) store(rounded, 0, q, TILE * d, 1);
        tiles(z, columns, g->pairs ? (void *)rounded : q, d / each, panel + 4 * from, g->room, d / each, columns, g->pairs);
        for (int64_t r = 0; r < TILE; r++) {
            int64_t at = t + (r < rows ? r : 0), least = g->window ? most(0, at - g->window + 1) : 0;
            shares[r] = weigh(z + r * columns, least - from, at + 1 - from, columns);
        }
        if (g->pairs) store(rounded, 0, z, TILE * columns, 1);
        int64_t inputs = g->pairs ? up(seen - from, 2) / 2 : seen - from;
        tiles(mixed, d, g->pairs ? (void *)rounded : z, columns / each, values + 4 / each * from * d, d, inputs, d, g->pairs);
        for (int64_t r = 0; r < rows; r++) {
            EACH for (int64_t j = 0; j < d; j++) mixed[r * d + j] *= shares[r];
            store(y, ((g->last ? text : first + t + r) * g->heads + head) * d, mixed + r * d, d, (int)g->is_short);
        }
    }
}

/* Attention inside each text, for all tokens or the last of each: y [rows of q, heads d]. d: divisible by 16. */
void read_attention(void *y, const void *q, const void *kv, float *both, const int64_t *starts, const float *cosines, const float *sines, const float *norm,
                    const float *scales, double epsilon, int64_t texts, int64_t longest, int64_t columns, int64_t heads, int64_t groups, int64_t values,
                    int64_t d, int64_t q_row, int64_t kv_row, int64_t window, int64_t last, int64_t is_short, int64_t threads) {
    int64_t room = up(longest, SIXTEEN), spans = last ? 1 : (longest + SPAN - 1) / SPAN, pairs = is_short && HAS_PAIRS;
    char *keys = malloc(texts * groups * d * room * (pairs ? 2 : 4)), *mixing = pairs ? malloc(texts * values * d * room * 2) : 0;
    Reading g = {q,       kv,      both,  keys,   mixing, starts, cosines, sines, norm,   scales, (float)epsilon, texts,
                 longest, columns, heads, groups, values, d,      q_row,   kv_row, window, last,  is_short,       room, pairs};
    PRAGMA(omp parallel num_threads((int)threads)) {
        float *own = malloc(TILE * ((2 * d + room) * sizeof(float) + most(d, room) * sizeof(uint16_t)));
        PRAGMA(omp for schedule(static))
        for (int64_t i = 0; i < texts * groups; i++) place(&g, i / groups, i % groups);
        PRAGMA(omp for schedule(dynamic))
        for (int64_t i = 0; i < texts * heads * spans; i++) {
            int64_t text = i / spans / heads, n = starts[text + 1] - starts[text], begin = last ? n - 1 : i % spans * SPAN;
            if (begin < n) attend(y, &g, text, i / spans % heads, begin, n - begin < SPAN ? n : begin + SPAN, own);
        }
        free(own);
    }
    free(keys);
    free(mixing);
}

/* h = silu(z_1) z_2 for the halves of each row of z [rows, 2 inner]. */
void gated(void *h, const void *z, int64_t rows, int64_t inner, int64_t is_short, int64_t threads) {
    ROWS for (int64_t row = 0; row < rows; row++) {
        float gate[inner], other[inner];
        load(gate, z, row * 2 * inner, inner, is_short);
        load(other, z, row * 2 * inner + inner, inner, is_short);
        EACH for (int64_t i = 0; i < inner; i++) gate[i] *= other[i] / (1.0f + exponential(-gate[i]));
        store(h, row * inner, gate, inner, is_short);
    }
}
