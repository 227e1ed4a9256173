/* Rows that lie side by side, packed, and their heads for each sequence: what attention asks for and gives back. */
#include "common.h"

/* to[b, m, t] = from[rows[b, t], m], 0 where there is no row; to [sequences, heads, length], from [N, heads], of `size` bytes each; rows [sequences, length]. */
void heads_apart(void *to, const void *from, const int64_t *rows, int64_t sequences, int64_t length, int64_t heads, int64_t size, int64_t threads) {
    ROWS for (int64_t i = 0; i < sequences * heads; i++) {
        const int64_t *row = rows + i / heads * length;
        char *y = (char *)to + i * length * size;
        for (int64_t t = 0; t < length; t++, y += size)
            if (row[t] < 0) memset(y, 0, size);
            else memcpy(y, (const char *)from + (row[t] * heads + i % heads) * size, size);
    }
}

/* The inverse: to[rows[b, t], m] = from[b, m, t]; to [N, heads], from [sequences, heads, length]. */
void heads_together(void *to, const void *from, const int64_t *rows, int64_t sequences, int64_t length, int64_t heads, int64_t size, int64_t threads) {
    ROWS for (int64_t b = 0; b < sequences; b++)
        for (int64_t t = 0; t < length; t++) {
            int64_t row = rows[b * length + t];
            if (row < 0) continue;
            for (int64_t m = 0; m < heads; m++) memcpy((char *)to + (row * heads + m) * size, (const char *)from + ((b * heads + m) * length + t) * size, size);
        }
}
