// Attention to keys and values that are codes: the specification of `attend_codes` and `attend_merge`, over the vectors of any
// set, but for the sums of products of codes, which are exact in int32 and a set's own affair.
//
// Tests/KernelTests compares it with double-precision formulas (AttentionTests, FourBitCacheTests).
// Defined before: attention-inl.h; and by the set, `open_codes` and, for at most ATTEND_BATCH queries, `dot_keys` and `sum_values`
// (scalar.c says what they are).
#ifndef JK_ATTENTION_CODES_INL_H
#define JK_ATTENTION_CODES_INL_H

#ifndef JK_ATTENTION_INL_H
#error "attention-inl.h first, and a set's dot_keys and sum_values"
#endif

enum {
    // What stands for the largest weight of a block. Less 127 it is a signed byte that has a negative.
    WEIGHT_STEPS = 254,
    ATTEND_BLOCKS = JK_PART_POSITIONS / JK_PAGE_POSITIONS
};

// 2^x for x <= 0, but no less than 2^-126: 2^n 2^r, n = round(x), |r| <= 1/2; 2^r = 1 + r P(r), P fitted to the least maximum of
// the relative error, 3e-6, since weights are rounded to 1/254 of the largest. 1 for 0, and not-a-number stays what it is.
// Step by step for `count` vectors: one alone waits for each step of its own.
JK_INLINE void v8_exp2(v8 *x, const int count) {
    enum { most = 4 };
    const v8 magic = v8_set(12582912.0f);
    v8 t[most], r[most], p[most];
    JK_UNROLL for (int i = 0; i < count; i++) x[i] = v8_max(v8_set(-126.0f), x[i]);
    JK_UNROLL for (int i = 0; i < count; i++) t[i] = v8_add(x[i], magic);
    JK_UNROLL for (int i = 0; i < count; i++) r[i] = v8_sub(t[i], magic);
    JK_UNROLL for (int i = 0; i < count; i++) r[i] = v8_sub(x[i], r[i]);
    JK_UNROLL for (int i = 0; i < count; i++) p[i] = v8_fma(r[i], v8_set(0.009582853f), v8_set(0.055906426f));
    JK_UNROLL for (int i = 0; i < count; i++) p[i] = v8_fma(p[i], r[i], v8_set(0.24024099f));
    JK_UNROLL for (int i = 0; i < count; i++) p[i] = v8_fma(p[i], r[i], v8_set(0.6931242f));
    JK_UNROLL for (int i = 0; i < count; i++) p[i] = v8_fma(p[i], r[i], v8_set(1.0f));
    JK_UNROLL for (int i = 0; i < count; i++) x[i] = v8_mul(p[i], v8_power_of_two(t[i]));
}

JK_INLINE float exp2_of(float x) {
    float lanes[8];
    v8 power = v8_set(x);
    v8_exp2(&power, 1);
    v8_store(lanes, power);
    return lanes[0];
}

// A query in the making: what a part has seen of it.
typedef struct {
    float maximum, total;
    float decay, step;  // of the last block: y = y * decay + step * sum
} attend_query;

// One block of `count` queries, all of whose positions are seen if `whole`; else `seen` has a lane with all bits set for each
// that is. Scores, as exponents of 2: s_j = dot_j * (key scale * factor); m' = max(m, max_j s_j), c = 2^(m - m'), p_j = 2^(s_j - m'),
// l = l * c + sum p, w_j = p_j * value scale, as codes round(w_j * (254 / max w)), and their step is max w / 254.
// Step by step for all queries: what one of them waits for, the others fill.
JK_INLINE void weigh(const int32_t dots[][JK_PAGE_POSITIONS], const float *factors, const float *scales, const float *seen,
                     const bool whole, const size_t count, attend_query *query, uint8_t codes[][JK_PAGE_POSITIONS]) {
    enum { groups = JK_PAGE_POSITIONS / 8, together = 4 };
    const v8 none = v8_set(-INFINITY), zero = v8_set(0.0f);
    v8 s[ATTEND_BATCH][groups], largest[ATTEND_BATCH], sums[ATTEND_BATCH], poisons[ATTEND_BATCH];
    float factor[ATTEND_BATCH];
    for (size_t n = 0; n < count; n++) {
        largest[n] = none;
        JK_UNROLL for (size_t g = 0; g < groups; g++) {
            s[n][g] = v8_mul(v8i_float(v8i_load(dots[n] + 8 * g)), v8_mul(v8_load(scales + 8 * g), v8_set(factors[n])));
            if (!whole) s[n][g] = v8_select(v8_load(seen + 8 * g), s[n][g], none);
            largest[n] = v8_max(s[n][g], largest[n]);
        }
    }
    for (size_t n = 0; n < count; n++) {
        const float old = query[n].maximum, block = v8_maximum(largest[n]);
        query[n].maximum = block > old ? block : old;
        query[n].decay = query[n].maximum == old ? 1.0f : exp2_of(old - query[n].maximum);
    }
    for (size_t n = 0; n < count; n++) {
        const v8 maximum = v8_set(query[n].maximum);
        v8 sum = zero, heaviest = zero, poison = zero;
        JK_UNROLL for (size_t g = 0; g < groups; g++) s[n][g] = v8_sub(s[n][g], maximum);
        JK_UNROLL for (size_t g = 0; g < groups; g += together) v8_exp2(s[n] + g, together);
        JK_UNROLL for (size_t g = 0; g < groups; g++) {
            v8 p = s[n][g], w = v8_mul(p, v8_load(scales + JK_PAGE_POSITIONS + 8 * g));
            if (!whole) {
                p = v8_select(v8_load(seen + 8 * g), p, zero);
                w = v8_select(v8_load(seen + 8 * g), w, zero);
            }
            sum = v8_add(sum, p);
            heaviest = v8_max(w, heaviest);
            poison = v8_fma(w, zero, poison);  // 0 unless there is an infinity or a NaN
            s[n][g] = w;
        }
        largest[n] = heaviest;
        sums[n] = sum;
        poisons[n] = poison;
    }
    for (size_t n = 0; n < count; n++) {
        const float most = v8_maximum(largest[n]), inverse = WEIGHT_STEPS / most;
        const bool finite = v8_sum(poisons[n]) == 0.0f;
        // As in `quantize`: too small to invert is zero, and what is not finite shows in the result.
        const bool usable = finite && inverse <= FLT_MAX;
        query[n].total = query[n].total * query[n].decay + v8_sum(sums[n]);
        query[n].step = usable ? most / WEIGHT_STEPS : finite ? 0.0f : NAN;
        factor[n] = usable ? inverse : 0.0f;
    }
    for (size_t n = 0; n < count; n++) {
        JK_UNROLL for (size_t g = 0; g < groups; g += 4) {
            v8i rounded[4];
            JK_UNROLL for (size_t i = 0; i < 4; i++)
                rounded[i] = v8_round(v8_mul(factor[n] != 0.0f ? s[n][g + i] : zero, v8_set(factor[n])));
            v8i_pack_unsigned(codes[n] + 8 * g, rounded);
        }
    }
}

// The same of queries `first` and those behind it where each sees what it sees, which may be nothing; false if that holds for all.
JK_INLINE bool weigh_some(const jk_attention *a, size_t first, size_t block, const int32_t dots[][JK_PAGE_POSITIONS],
                          const float *factors, const float *scales, size_t count, attend_query *query,
                          uint8_t codes[][JK_PAGE_POSITIONS]) {
    const size_t share = a->heads / a->kv->kv_heads;
    bool any = false;
    for (size_t n = 0; n < count; n++) {
        const size_t position = a->position + (first + n) / share;
        const jk_block visible = block <= position ? jk_visible(a->kv, position, block) : (jk_block){0, 0, 0};
        if (visible.sinks == 0 && visible.first == visible.count) {
            memset(codes[n], 0, sizeof codes[n]);
            query[n].decay = 1.0f;
            query[n].step = 0.0f;
            continue;
        }
        float seen[JK_PAGE_POSITIONS];
        for (size_t j = 0; j < JK_PAGE_POSITIONS; j++)
            seen[j] = jk_float(j < visible.sinks || (visible.first <= j && j < visible.count) ? 0xFFFFFFFF : 0);
        weigh(dots + n, factors + n, scales, seen, false, 1, query + n, codes + n);
        any = true;
    }
    return any;
}

// y = y * decay + step * sum over `width` columns.
JK_INLINE void add_block(float *y, const int32_t *sums, const size_t width, const attend_query *query) {
    const v8 decay = v8_set(query->decay), step = v8_set(query->step);
    size_t i = 0;
    for (; i + 8 <= width; i += 8)
        v8_store(y + i, v8_fma(v8i_float(v8i_load(sums + i)), step, v8_mul(v8_load(y + i), decay)));
    if (i < width) {
        const v8 before = v8_load_first(y + i, width - i, 0.0f);
        v8_store_first(y + i, width - i, v8_fma(v8i_float(v8i_load(sums + i)), step, v8_mul(before, decay)));
    }
}

// Adds what a part has seen to what those before it have: m' = max(M, m), Y = Y * 2^(M - m') + y * 2^(m - m'), and L likewise.
JK_INLINE void merge(float *whole_y, float *whole_maximum, float *whole_total, const float *y, float maximum, float total,
                     size_t head_size) {
    const float new = maximum > *whole_maximum ? maximum : *whole_maximum;
    const float before = exp2_of(*whole_maximum - new), now = exp2_of(maximum - new);
    for (size_t i = 0; i < head_size; i += 8) {
        const size_t n = head_size - i;
        const v8 old = v8_mul(v8_load_first(whole_y + i, n, 0.0f), v8_set(before));
        v8_store_first(whole_y + i, n, v8_fma(v8_load_first(y + i, n, 0.0f), v8_set(now), old));
    }
    *whole_maximum = new;
    *whole_total = fmaf(total, now, *whole_total * before);
}

JK_INLINE void divide(float *y, const float *x, size_t head_size, float total) {
    for (size_t i = 0; i < head_size; i += 8) {
        const size_t n = head_size - i;
        v8_store_first(y + i, n, v8_div(v8_load_first(x + i, n, 0.0f), v8_set(total)));
    }
}

static void attend_merge(const float *records, size_t stride, size_t count, size_t head_size, float *whole, float *y) {
    for (; count > 0; count--, records += stride) {
        const float maximum = records[head_size], total = records[head_size + 1];
        // Of this part nothing was seen.
        if (maximum == -INFINITY && total == 0.0f) continue;
        merge(whole, whole + head_size, whole + head_size + 1, records, maximum, total, head_size);
    }
    if (y) divide(y, whole, head_size, whole[head_size + 1]);
}

// The block that comes next is asked for in small pieces between the products of this one: many lines asked for at once have to
// wait for each other (a seventh of all time).
typedef struct {
    const char *line;
    size_t lines, pieces;  // left
} next_block;

JK_INLINE next_block next_block_of(const jk_kv *kv, size_t kv_head, size_t block, size_t pieces) {
    const char *head = (const char *)jk_page(kv, block) + jk_code_bytes(kv, jk_head_offset(kv, kv_head));
    return (next_block){head, (jk_code_bytes(kv, jk_head_offset(kv, 1)) + 63) / 64, pieces};
}

JK_INLINE void prefetch_piece(next_block *next) {
    if (next->pieces == 0) return;
    const size_t count = next->lines / next->pieces;
    for (size_t i = 0; i < count; i++) __builtin_prefetch(next->line + 64 * i, 0, 2);
    next->line += 64 * count;
    next->lines -= count;
    next->pieces -= 1;
}

static void attend_codes(const jk_attention *a, size_t kv_head, size_t first, size_t last, size_t first_part,
                         size_t last_part, float *records) {
    const jk_kv *kv = a->kv;
    const size_t head_size = kv->head_size, share = a->heads / kv->kv_heads, columns = jk_key_columns(kv);
    const size_t queries = last - first, record_size = jk_record_size(head_size);
    int8_t codes[JK_ATTEND_ELEMENTS + 4 * JK_ATTEND_QUERIES] = {0};
    int8_t opened[2 * JK_MAX_I4_HEAD * JK_PAGE_POSITIONS];  // a head's block of JK_KV_I4, as JK_KV_I8 has it
    float y[JK_ATTEND_ELEMENTS], factors[JK_ATTEND_QUERIES], totals[JK_ATTEND_QUERIES], maxima[JK_ATTEND_QUERIES];
    int32_t sums[JK_ATTEND_QUERIES];
    attend_query query[JK_ATTEND_QUERIES];
    for (size_t n = 0; n < queries; n++) {
        const size_t token = (first + n) / share, head = kv_head * share + (first + n) % share;
        const float *q = a->q + token * a->q_stride + head * head_size;
        float turned[JK_MAX_I4_HEAD];
        if (kv->type == JK_KV_I4) {
            memcpy(turned, q, head_size * sizeof *q);
            turn(turned, head_size, 1.0f / (float)head_size);
            q = turned;
        }
        const float scale = kv_encode(q, head_size, codes + n * columns, 1, 1, 0);
        factors[n] = scale * (a->scale * 1.44269504f);  // log2(e)
        sums[n] = 0;
        for (size_t i = 0; i < head_size; i++) sums[n] += codes[n * columns + i];
        totals[n] = 0.0f;
        maxima[n] = -INFINITY;
        float *row = a->y + token * a->y_stride + head * head_size;
        if (!records) memset(row, 0, head_size * sizeof *row);
    }
    const size_t earliest = a->position + first / share, latest = a->position + (last - 1) / share;
    const size_t oldest = earliest + 1 > kv->window ? (earliest + 1 - kv->window) / JK_PAGE_POSITIONS * JK_PAGE_POSITIONS : 0;
    for (size_t part = first_part; part < last_part; part++) {
        if (part * JK_PART_POSITIONS >= kv->sinks) part = jk_most(part, jk_least(last_part - 1, oldest / JK_PART_POSITIONS));
        for (size_t n = 0; n < queries; n++) query[n] = (attend_query){-INFINITY, 0.0f, 1.0f, 0.0f};
        memset(y, 0, queries * head_size * sizeof *y);
        const size_t end = jk_least((part + 1) * JK_PART_POSITIONS, latest + 1);
        for (size_t block = part * JK_PART_POSITIONS; block < end; block += JK_PAGE_POSITIONS) {
            // Behind the sinks the next visible block is the window's first.
            if (block >= kv->sinks && block < oldest) {
                block = oldest;
                if (block >= end) break;
            }
            void *page = jk_page(kv, block);
            const float *scales = jk_kv_scales(kv, page, kv_head);
            const int8_t *keys = (const int8_t *)page + jk_code_bytes(kv, jk_key_offset(kv, kv_head, block, 0));
            if (kv->type == JK_KV_I4) {
                open_codes((const uint8_t *)keys, opened, (columns + head_size) * JK_PAGE_POSITIONS / 128);
                keys = opened;
            }
            const int8_t *values = keys + columns * JK_PAGE_POSITIONS;
            const size_t next = block + JK_PAGE_POSITIONS;
            const jk_block sight = jk_visible(kv, latest, block);
            // Every query sees every position of it, as most blocks of a long text.
            const bool whole = next <= earliest + 1 && sight.sinks == sight.first;
            const size_t batches = jk_parts(queries, ATTEND_BATCH);
            next_block ahead = {NULL, 0, 0};
            if (next < end && (next < kv->sinks || next >= oldest))
                ahead = next_block_of(kv, kv_head, next, batches * (2 + jk_parts(head_size, JK_PAGE_POSITIONS)));
            for (size_t batch = 0; batch < batches; batch++) {
                const size_t start = batch * ATTEND_BATCH, count = jk_least(ATTEND_BATCH, queries - start);
                int32_t dots[ATTEND_BATCH][JK_PAGE_POSITIONS];
                uint8_t weights[ATTEND_BATCH][JK_PAGE_POSITIONS];
                const size_t positions = jk_least(JK_PAGE_POSITIONS, latest + 1 - block);
                prefetch_piece(&ahead);
                dot_keys(keys, columns / 4, positions, codes + start * columns, columns, sums + start, count, dots);
                prefetch_piece(&ahead);
                if (whole && count == ATTEND_BATCH)
                    weigh(dots, factors + start, scales, NULL, true, ATTEND_BATCH, query + start, weights);
                else if (whole)
                    weigh(dots, factors + start, scales, NULL, true, count, query + start, weights);
                else if (!weigh_some(a, first + start, block, dots, factors + start, scales, count, query + start, weights))
                    continue;
                for (size_t column = 0; column < head_size; column += JK_PAGE_POSITIONS) {
                    int32_t products[ATTEND_BATCH][JK_PAGE_POSITIONS];
                    const size_t width = jk_least(JK_PAGE_POSITIONS, head_size - column);
                    prefetch_piece(&ahead);
                    sum_values(values + 4 * column, head_size, width, positions, weights, count, products);
                    for (size_t n = 0; n < count; n++) {
                        float *row = y + (start + n) * head_size + column;
                        if (query[start + n].step == 0.0f && query[start + n].decay == 1.0f) continue;
                        if (width == JK_PAGE_POSITIONS) add_block(row, products[n], JK_PAGE_POSITIONS, query + start + n);
                        else add_block(row, products[n], width, query + start + n);
                    }
                }
            }
        }
        for (size_t n = 0; n < queries; n++) {
            const float maximum = query[n].maximum, total = query[n].total;
            if (records) {
                float *record = records + ((part - first_part) * queries + n) * record_size;
                memcpy(record, y + n * head_size, head_size * sizeof *y);
                record[head_size] = maximum;
                record[head_size + 1] = total;
            } else if (maximum != -INFINITY || total != 0.0f) {
                const size_t token = (first + n) / share, head = kv_head * share + (first + n) % share;
                merge(a->y + token * a->y_stride + head * head_size, maxima + n, totals + n, y + n * head_size, maximum, total,
                      head_size);
            }
        }
    }
    if (records) return;
    for (size_t n = 0; n < queries; n++) {
        float *row = a->y + (first + n) / share * a->y_stride + (kv_head * share + (first + n) % share) * head_size;
        divide(row, row, head_size, totals[n]);
    }
}

#endif
