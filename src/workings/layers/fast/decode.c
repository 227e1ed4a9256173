/* One step of writing in one call: a few rows of one token each go through all layers of a transformer and its head.
 *
 * For layers with a norm before each of two residual parts (GPT-2, Llama); others are stepped part by part. Everything is float32 but the matrices.
 */
#include "common.h"

void few_rows(float *y, const float *x, const void *w, const float *bias, int64_t rows, int64_t outputs, int64_t inputs, int64_t is_short, int64_t threads);
void few_rows_of_bytes(float *y, const float *x, const int8_t *q, const float *scale, const int32_t *row_sums, const float *bias, int64_t rows,
                       int64_t outputs, int64_t inputs, int64_t threads);

/* The structures are those of stepping.py, field by field. */
typedef struct { const void *w; const float *scale; const int32_t *row_sums; const float *bias; int64_t outputs, inputs, storage, threads; } Product;
typedef struct { const float *weight, *bias; double epsilon; int64_t is_rms; } Norm;
typedef struct {
    Norm attention_norm, head_norm, feed_forward_norm;
    Product everything, out, up, down;
    float *both; /* keys, then values: [groups + values, rows, columns, d] */
    int64_t heads, groups, values, d, window, phi;
} Layer;
typedef struct { const Layer *layers; int64_t count, width; Norm norm; Product head; const float *cosines, *sines; } Stack;

enum { FLOAT, SHORT, BYTE };
enum { RELU, GELU, GELU_TANH, SILU, GATED };
#define WORTH_A_THREAD (1 << 17) /* multiplications of attention below which waking a thread costs more */

static void product(const Product *p, float *y, const float *x, int64_t rows) {
    if (p->storage == BYTE) few_rows_of_bytes(y, x, p->w, p->scale, p->row_sums, p->bias, rows, p->outputs, p->inputs, p->threads);
    else few_rows(y, x, p->w, p->bias, rows, p->outputs, p->inputs, p->storage, p->threads);
}

/* y = (x - mean) / sqrt(var + epsilon) * weight + bias, or x / sqrt(mean(x^2) + epsilon) * weight. */
static void normalize(const Norm *n, float *y, const float *x, const float *weight, int64_t width) {
    float mean = 0, squares = 0;
    if (!n->is_rms) {
        TOTAL(mean) for (int64_t i = 0; i < width; i++) mean += x[i];
        mean /= width;
    }
    TOTAL(squares) for (int64_t i = 0; i < width; i++) squares += (x[i] - mean) * (x[i] - mean);
    float by = 1.0f / sqrtf(squares / width + (float)n->epsilon);
    EACH for (int64_t i = 0; i < width; i++) y[i] = (x[i] - mean) * by * weight[i] + (n->bias ? n->bias[i] : 0.0f);
}

static inline float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

/* h = phi(z) of the first `inner` numbers; gated, times the next `inner`. */
static void activate(float *h, const float *z, int64_t inner, int64_t phi) {
    if (phi == RELU) EACH for (int64_t i = 0; i < inner; i++) h[i] = z[i] > 0 ? z[i] : 0;
    else if (phi == GELU) for (int64_t i = 0; i < inner; i++) h[i] = 0.5f * z[i] * (1.0f + erff(z[i] * 0.70710678f));
    else if (phi == GELU_TANH) EACH for (int64_t i = 0; i < inner; i++) h[i] = z[i] * sigmoid(1.59576912f * (z[i] + 0.044715f * z[i] * z[i] * z[i]));
    else if (phi == SILU) EACH for (int64_t i = 0; i < inner; i++) h[i] = z[i] * sigmoid(z[i]);
    else EACH for (int64_t i = 0; i < inner; i++) h[i] = z[i] * sigmoid(z[i]) * z[inner + i];
}

/* Norm and turn of each head's query and key, in place. z [heads + groups, d]. */
static void prepare_heads(const Layer *l, float *z, const float *cosines, const float *sines) {
    int64_t d = l->d, half = d / 2;
    for (int64_t m = 0; m < l->heads + l->groups; m++, z += d) {
        if (l->head_norm.weight) normalize(&l->head_norm, z, z, l->head_norm.weight + m * d, d);
        if (cosines) EACH for (int64_t i = 0; i < half; i++) {
            float a = z[i], b = z[half + i];
            z[i] = a * cosines[i] - b * sines[i];
            z[half + i] = b * cosines[i] + a * sines[i];
        }
    }
}

/* y = sum_s a_s v_s with a = softmax over s of q . k_s; columns whose padding is not 0 are not seen. */
static void attend(float *y, const float *q, const float *keys, const float *values, const float *padding, float *a, int64_t columns, int64_t d) {
    float top = -1e30f, total = 0;
    for (int64_t s = 0; s < columns; s++) {
        float score = 0;
        const float *k = keys + s * d;
        TOTAL(score) for (int64_t j = 0; j < d; j++) score += q[j] * k[j];
        a[s] = padding && padding[s] != 0 ? -1e30f : score;
        top = a[s] > top ? a[s] : top;
    }
    TOTAL(total) for (int64_t s = 0; s < columns; s++) {
        a[s] = a[s] > -1e29f ? exponential(a[s] - top) : 0.0f;
        total += a[s];
    }
    memset(y, 0, d * sizeof(float));
    for (int64_t s = 0; s < columns; s++) {
        const float *v = values + s * d;
        EACH for (int64_t j = 0; j < d; j++) y[j] += a[s] * v[j];
    }
    EACH for (int64_t j = 0; j < d; j++) y[j] /= total;
}

/* x [rows, width] after the layers -> logits [rows, head.outputs]. places: [rows], where each row stands; t: the column that is written. */
void decode_step(const Stack *stack, float *logits, float *x, const int64_t *places, const float *padding, int64_t rows, int64_t t, int64_t columns, int64_t threads) {
    int64_t width = stack->width, widest = 0, inner = 0, heads = 0;
    for (int64_t i = 0; i < stack->count; i++) {
        const Layer *l = stack->layers + i;
        int64_t sizes[] = {l->everything.outputs, l->out.outputs, l->up.outputs, l->down.outputs};
        for (int k = 0; k < 4; k++) widest = sizes[k] > widest ? sizes[k] : widest;
        inner = l->down.inputs > inner ? l->down.inputs : inner;
        inner = l->heads * l->d > inner ? l->heads * l->d : inner;
        heads = l->heads > heads ? l->heads : heads;
    }
    float *normal = malloc((rows * (width + widest + inner) + rows * heads * (t + 1)) * sizeof(float)), *z = normal + rows * width, *h = z + rows * widest;
    float *weights = h + rows * inner;
    for (int64_t i = 0; i < stack->count; i++) {
        const Layer *l = stack->layers + i;
        int64_t d = l->d, first = l->window && t + 1 > l->window ? t + 1 - l->window : 0, seen = t + 1 - first, all = l->everything.outputs;
        for (int64_t r = 0; r < rows; r++) normalize(&l->attention_norm, normal + r * width, x + r * width, l->attention_norm.weight, width);
        product(&l->everything, z, normal, rows);
        for (int64_t r = 0; r < rows; r++) {
            int64_t at = places[r] * (d / 2);
            prepare_heads(l, z + r * all, stack->cosines ? stack->cosines + at : 0, stack->sines + at);
            for (int64_t g = 0; g < l->groups + l->values; g++) memcpy(l->both + ((g * rows + r) * columns + t) * d, z + r * all + (l->heads + g) * d, d * sizeof(float));
        }
        int64_t work = rows * l->heads * seen * d * 2;
        #pragma omp parallel for schedule(static) num_threads((int)(work > WORTH_A_THREAD ? threads : 1))
        for (int64_t n = 0; n < rows * l->heads; n++) {
            int64_t r = n / l->heads, m = n % l->heads, g = m * l->groups / l->heads, v = l->groups + (l->values == 1 ? 0 : g);
            const float *keys = l->both + ((g * rows + r) * columns + first) * d, *values = l->both + ((v * rows + r) * columns + first) * d;
            attend(h + n * d, z + r * all + m * d, keys, values, padding ? padding + r * columns + first : 0, weights + n * (t + 1), seen, d);
        }
        product(&l->out, z, h, rows);
        for (int64_t r = 0; r < rows; r++) {
            float *to = x + r * width, *from = z + r * l->out.outputs;
            EACH for (int64_t j = 0; j < width; j++) to[j] += from[j];
            normalize(&l->feed_forward_norm, normal + r * width, to, l->feed_forward_norm.weight, width);
        }
        product(&l->up, z, normal, rows);
        for (int64_t r = 0; r < rows; r++) activate(h + r * l->down.inputs, z + r * l->up.outputs, l->down.inputs, l->phi);
        product(&l->down, z, h, rows);
        for (int64_t r = 0; r < rows; r++) {
            float *to = x + r * width, *from = z + r * l->down.outputs;
            EACH for (int64_t j = 0; j < width; j++) to[j] += from[j];
        }
    }
    for (int64_t r = 0; r < rows; r++) normalize(&stack->norm, normal + r * width, x + r * width, stack->norm.weight, width);
    product(&stack->head, logits, normal, rows);
    free(normal);
}
