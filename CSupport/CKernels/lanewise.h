// Everything that is not a matrix product, written once over vectors of 8 lanes.
//
// Every instruction set defines the type `v8` and its primitives and then includes this text, so all run the same
// operations in the same order. A primitive is one IEEE operation a lane (or a reduction in one fixed tree), which is
// why the bits agree. Pointers of one call do not overlap unless it is said that they do.

// ---------------------------------------------------------------------------------------------- functions

// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2; exp(r) = 1 + r + r^2 P(r). P is of degree 4, fitted to the
// least maximum of the relative error, 4e-9, its terms paired to shorten the chain of operations. The reduction loses
// nothing that counts: n has 8 bits, and an fma does not round n x high. Measured: 1.1e-7 relative.
// Adding 1.5 x 2^23 rounds to an integer that then stands in the low bits, where v8_power_of_two finds it.
// The limits keep n in -126...127: results are normal numbers, or 0. A NaN passes both comparisons as false.
JK_INLINE v8 v8_exp(v8 x) {
    const struct jk_exp_constants *k = &jk_exp_constants;
    v8 z = v8_min(v8_load(k->most), x);
    v8 t = v8_fma(z, v8_load(k->per_ln2), v8_load(k->magic));
    v8 n = v8_sub(t, v8_load(k->magic));
    v8 r = v8_fma(n, v8_load(k->minus_ln2_high), z);
    r = v8_fma(n, v8_load(k->minus_ln2_low), r);
    v8 q = v8_mul(r, r);
    v8 low = v8_fma(r, v8_load(k->c1), v8_load(k->c0));
    v8 high = v8_fma(q, v8_load(k->c4), v8_fma(r, v8_load(k->c3), v8_load(k->c2)));
    v8 p = v8_add(v8_fma(v8_fma(high, q, low), q, r), v8_load(k->one));
    return v8_select(v8_less(x, v8_load(k->least)), v8_set(0.0f), v8_mul(p, v8_power_of_two(t)));
}

// log(1 + u) for 0 <= u <= 1: 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...) with s = u / (2 + u) <= 1/3. The first term left
// out is s^17/17, below 2e-9 of the sum.
JK_INLINE v8 v8_log1p(v8 u) {
    v8 s = v8_div(u, v8_add(u, v8_set(2.0f)));
    v8 q = v8_mul(s, s);
    v8 p = v8_set(2.0f / 15);
    p = v8_fma(p, q, v8_set(2.0f / 13));
    p = v8_fma(p, q, v8_set(2.0f / 11));
    p = v8_fma(p, q, v8_set(2.0f / 9));
    p = v8_fma(p, q, v8_set(2.0f / 7));
    p = v8_fma(p, q, v8_set(2.0f / 5));
    p = v8_fma(p, q, v8_set(2.0f / 3));
    p = v8_fma(p, q, v8_set(2.0f));
    return v8_mul(p, s);
}

// log(1 + exp(x)) = max(x, 0) + log1p(exp(-|x|)); x itself above 20, as in PyTorch.
JK_INLINE v8 v8_softplus(v8 x) {
    const v8 zero = v8_set(0.0f);
    v8 y = v8_add(v8_max(x, zero), v8_log1p(v8_exp(v8_sub(zero, v8_abs(x)))));
    return v8_select(v8_less(v8_set(20.0f), x), x, y);
}

// x / (1 + exp(-x))
JK_INLINE v8 v8_silu(v8 x) {
    return v8_div(x, v8_add(v8_set(1.0f), v8_exp(v8_sub(v8_set(0.0f), x))));
}

// The first `n` lanes from memory and the rest `fill`; all 8 when n >= 8.
JK_INLINE v8 v8_load_first(const float *p, size_t n, float fill) {
    if (n >= 8) return v8_load(p);
    float lanes[8];
    for (size_t i = 0; i < 8; i++) lanes[i] = i < n ? p[i] : fill;
    return v8_load(lanes);
}

JK_INLINE void v8_store_first(float *p, size_t n, v8 x) {
    if (n >= 8) {
        v8_store(p, x);
        return;
    }
    float lanes[8];
    v8_store(lanes, x);
    for (size_t i = 0; i < n; i++) p[i] = lanes[i];
}

// ---------------------------------------------------------------------------------------------- vectors

// scale = max|x| / 127, code = round-to-even(x * (127 / max|x|)), a group of 32 at a time.
static void quantize(const float *x, int8_t *codes, float *scales, int32_t *offsets, size_t groups) {
    for (size_t g = 0; g < groups; g++, x += JK_GROUP, codes += JK_GROUP) {
        v8 lanes[4];
        v8 largest = v8_set(0.0f), poison = v8_set(0.0f);
        for (int i = 0; i < 4; i++) {
            lanes[i] = v8_load(x + 8 * i);
            largest = v8_max(v8_abs(lanes[i]), largest);
            poison = v8_fma(lanes[i], v8_set(0.0f), poison);  // 0 unless there is an infinity or a NaN
        }
        float maximum = v8_maximum(largest);
        float inverse = 127.0f / maximum;
        bool finite = v8_sum(poison) == 0.0f;
        // Below 127 / FLT_MAX the inverse overflows; such a group is zero as far as any sum is concerned.
        if (!finite || !(inverse <= FLT_MAX)) {
            scales[g] = finite ? 0.0f : NAN;
            offsets[g] = 0;
            memset(codes, 0, JK_GROUP);
            continue;
        }
        v8i rounded[4];
        for (int i = 0; i < 4; i++) rounded[i] = v8_round(v8_mul(lanes[i], v8_set(inverse)));
        v8i_pack(codes, rounded);
        scales[g] = maximum / 127.0f;
        offsets[g] = -64 * v8i_sum(v8i_add(v8i_add(rounded[0], rounded[1]), v8i_add(rounded[2], rounded[3])));
    }
}

// sums[i][j] += x[i] x[j] for j >= i / 8 * 8, rows ascending; sums are loaded and stored once for four rows, of which
// those beyond the last count 0 times.
static void add_moments(const float *x, size_t stride, const uint32_t *index, size_t count, size_t width, size_t size,
                        float *sums) {
    for (size_t t = 0; t < count; t += 4) {
        const float *row[4];
        for (size_t r = 0; r < 4; r++) row[r] = x + jk_source(index, jk_least(t + r, count - 1)) * stride;
        for (size_t i = 0; i < width; i++) {
            v8 factor[4];
            for (size_t r = 0; r < 4; r++) factor[r] = v8_set(t + r < count ? row[r][i] : 0.0f);
            for (size_t j = i / 8 * 8; j < width; j += 8) {
                v8 sum = v8_load(sums + i * size + j);
                sum = v8_fma(factor[0], v8_load(row[0] + j), sum);
                sum = v8_fma(factor[1], v8_load(row[1] + j), sum);
                sum = v8_fma(factor[2], v8_load(row[2] + j), sum);
                sum = v8_fma(factor[3], v8_load(row[3] + j), sum);
                v8_store(sums + i * size + j, sum);
            }
        }
    }
}

// y = x * (1 / sqrt(mean(x^2) + eps)) * weight
static void rms_norm(const float *x, const float *weight, float eps, size_t width, float *y) {
    v8 squares = v8_set(0.0f);
    for (size_t i = 0; i < width; i += 8) {
        v8 lanes = v8_load_first(x + i, width - i, 0.0f);
        squares = v8_fma(lanes, lanes, squares);
    }
    v8 factor = v8_set(1.0f / sqrtf(v8_sum(squares) / (float)width + eps));
    for (size_t i = 0; i < width; i += 8) {
        v8 scaled = v8_mul(v8_load_first(x + i, width - i, 0.0f), factor);
        v8_store_first(y + i, width - i, v8_mul(scaled, v8_load_first(weight + i, width - i, 0.0f)));
    }
    for (size_t i = width; i % JK_GROUP != 0; i++) y[i] = 0.0f;
}

static void add(float *y, const float *x, size_t width) {
    for (size_t i = 0; i < width; i += 8) {
        v8 sum = v8_add(v8_load_first(y + i, width - i, 0.0f), v8_load_first(x + i, width - i, 0.0f));
        v8_store_first(y + i, width - i, sum);
    }
}

// y = fma(scale, x, y)
static void add_scaled(float *y, const float *x, float scale, size_t width) {
    for (size_t i = 0; i < width; i += 8) {
        v8 sum = v8_load_first(y + i, width - i, 0.0f);
        sum = v8_fma(v8_set(scale), v8_load_first(x + i, width - i, 0.0f), sum);
        v8_store_first(y + i, width - i, sum);
    }
}

// gate = silu(gate) * up
static void silu_multiply(float *gate, const float *up, size_t width) {
    for (size_t i = 0; i < width; i += 8) {
        v8 product = v8_silu(v8_load_first(gate + i, width - i, 0.0f));
        product = v8_mul(product, v8_load_first(up + i, width - i, 0.0f));
        v8_store_first(gate + i, width - i, product);
    }
}

// x = exp(x - max) / sum. Lanes beyond the end hold -infinity, which adds exp(-infinity) = 0.
static void softmax(float *x, size_t count) {
    v8 largest = v8_set(-INFINITY);
    for (size_t i = 0; i < count; i += 8) largest = v8_max(v8_load_first(x + i, count - i, -INFINITY), largest);
    v8 maximum = v8_set(v8_maximum(largest)), sums = v8_set(0.0f);
    for (size_t i = 0; i < count; i += 8) {
        v8 p = v8_exp(v8_sub(v8_load_first(x + i, count - i, -INFINITY), maximum));
        sums = v8_add(sums, p);
        v8_store_first(x + i, count - i, p);
    }
    v8 sum = v8_set(v8_sum(sums));
    for (size_t i = 0; i < count; i += 8)
        v8_store_first(x + i, count - i, v8_div(v8_load_first(x + i, count - i, 0.0f), sum));
}

// ---------------------------------------------------------------------------------------------- Mamba

// y[t] = silu(bias + sum_k weight[k] x[t - (taps - 1) + k]), k ascending, one fma a term, beginning with the bias.
static void convolve(const jk_convolution *a, size_t first, size_t last) {
    const size_t past = a->taps - 1;
    for (size_t c = first; c < last; c += 8) {
        size_t n = last - c;
        v8 bias = a->bias ? v8_load_first(a->bias + c, n, 0.0f) : v8_set(0.0f);
        for (size_t t = 0; t < a->tokens; t++) {
            v8 sum = bias;
            for (size_t k = 0; k < a->taps; k++) {
                const float *x = t + k < past ? a->history + (t + k) * a->channels
                                              : a->x + (t + k - past) * a->x_stride;
                sum = v8_fma(v8_load_first(a->weight + k * a->channels + c, n, 0.0f), v8_load_first(x + c, n, 0.0f), sum);
            }
            v8_store_first(a->y + t * a->y_stride + c, n, v8_silu(sum));
        }
        if (!a->next_history) continue;
        for (size_t k = 0; k < past; k++) {
            size_t t = a->tokens + k;  // among the history and then the inputs
            const float *x = t < past ? a->history + t * a->channels : a->x + (t - past) * a->x_stride;
            v8_store_first(a->next_history + k * a->channels + c, n, v8_load_first(x + c, n, 0.0f));
        }
    }
}

// Where the state of a block of channels lives while it goes through the tokens: rows of the state are 4 x channels
// bytes apart, often a multiple of 4096, and would evict each other from the first-level cache.
enum { SCAN_PARTS = JK_SCAN_BLOCK / 8 };
typedef struct {
    struct {
        v8 state, a;
    } local[SCAN_PARTS][JK_MAX_STATE_SIZE];
    v8 u[SCAN_PARTS], d[SCAN_PARTS], y[SCAN_PARTS];
} scan_block;

// s[n] = exp(d * A[n]) * s[n] + (d * u) * B[n] for one token and one vector of channels; returns sum_n s[n] * C[n].
JK_INLINE v8 scan_states(scan_block *block, size_t part, size_t state_size, const float *b, const float *c) {
    const v8 d = block->d[part], du = v8_mul(d, block->u[part]);
    v8 y = v8_set(0.0f);
    for (size_t n = 0; n < state_size; n++) {
        v8 s = v8_mul(v8_exp(v8_mul(d, block->local[part][n].a)), block->local[part][n].state);
        s = v8_fma(du, v8_set(b[n]), s);
        y = v8_fma(s, v8_set(c[n]), y);
        block->local[part][n].state = s;
    }
    return y;
}

// d = softplus(dt + dt_bias); the states; y = (sum + D * u) * silu(z). `width` channels from channel c.
JK_INLINE void scan_channels(const jk_scan_arguments *a, size_t c, size_t width) {
    const size_t parts = jk_parts(width, 8);
    scan_block block;
    for (size_t n = 0; n < a->state_size; n++) {
        const float *state = a->state + n * a->channels + c, *decay = a->a + n * a->channels + c;
        for (size_t i = 0; i < parts; i++) {
            block.local[i][n].state = v8_load_first(state + 8 * i, width - 8 * i, 0.0f);
            block.local[i][n].a = v8_load_first(decay + 8 * i, width - 8 * i, 0.0f);
        }
    }
    for (size_t t = 0; t < a->tokens; t++) {
        const float *u = a->u + t * a->u_stride + c, *dt = a->dt + t * a->dt_stride + c;
        const float *z = a->z + t * a->z_stride + c;
        for (size_t i = 0; i < parts; i++) {
            const v8 bias = v8_load_first(a->dt_bias + c + 8 * i, width - 8 * i, 0.0f);
            block.u[i] = v8_load_first(u + 8 * i, width - 8 * i, 0.0f);
            block.d[i] = v8_softplus(v8_add(v8_load_first(dt + 8 * i, width - 8 * i, 0.0f), bias));
        }
        for (size_t i = 0; i < parts; i++)
            block.y[i] = scan_states(&block, i, a->state_size, a->b + t * a->b_stride, a->c + t * a->c_stride);
        for (size_t i = 0; i < parts; i++) {
            const v8 skip = v8_load_first(a->d + c + 8 * i, width - 8 * i, 0.0f);
            const v8 gate = v8_silu(v8_load_first(z + 8 * i, width - 8 * i, 0.0f));
            v8_store_first(a->y + t * a->y_stride + c + 8 * i, width - 8 * i,
                           v8_mul(v8_fma(skip, block.u[i], block.y[i]), gate));
        }
    }
    if (!a->next_state) return;
    for (size_t n = 0; n < a->state_size; n++)
        for (size_t i = 0; i < parts; i++)
            v8_store_first(a->next_state + n * a->channels + c + 8 * i, width - 8 * i, block.local[i][n].state);
}

static void scan(const jk_scan_arguments *a, size_t first, size_t last) {
    size_t c = first;
    for (; c + JK_SCAN_BLOCK <= last; c += JK_SCAN_BLOCK) scan_channels(a, c, JK_SCAN_BLOCK);
    if (c < last) scan_channels(a, c, last - c);
}

// ---------------------------------------------------------------------------------------------- attention

// Codes of one head's key or value, `step` elements apart; returns their scale.
JK_INLINE float kv_encode(const float *x, size_t head_size, int8_t *codes, size_t step) {
    v8 largest = v8_set(0.0f), poison = v8_set(0.0f);
    for (size_t i = 0; i < head_size; i += 8) {
        const v8 lanes = v8_load_first(x + i, head_size - i, 0.0f);
        largest = v8_max(v8_abs(lanes), largest);
        poison = v8_fma(lanes, v8_set(0.0f), poison);  // 0 unless there is an infinity or a NaN
    }
    const float maximum = v8_maximum(largest), inverse = 127.0f / maximum;
    const bool finite = v8_sum(poison) == 0.0f;
    // As in `quantize`: too small to invert is zero, and what is not finite shows in the result.
    const bool usable = finite && inverse <= FLT_MAX;
    for (size_t i = 0; i < head_size; i += 8) {
        int32_t rounded[8];
        v8i_store(rounded, v8_round(v8_mul(v8_load_first(x + i, head_size - i, 0.0f), v8_set(inverse))));
        for (size_t j = 0; j < jk_least(8, head_size - i); j++)
            codes[step * (i + j)] = usable ? (int8_t)rounded[j] : 0;
    }
    return usable ? maximum / 127.0f : finite ? 0.0f : NAN;
}

static void kv_store(const jk_kv *kv, const float *k, const float *v, size_t position) {
    void *page = jk_page(kv, position);
    for (size_t head = 0; head < kv->kv_heads; head++, k += kv->head_size, v += kv->head_size) {
        size_t key = jk_key_offset(kv, head, position) + position % 8;
        size_t value = jk_value_offset(kv, head, position);
        if (kv->type == JK_KV_I8) {
            float *scales = jk_kv_scales(kv, page, head) + position % JK_PAGE_POSITIONS;
            scales[0] = kv_encode(k, kv->head_size, (int8_t *)page + key, 8);
            scales[JK_PAGE_POSITIONS] = kv_encode(v, kv->head_size, (int8_t *)page + value, 1);
            continue;
        }
        if (kv->type == JK_KV_F32) {
            float *elements = page;
            for (size_t i = 0; i < kv->head_size; i++) elements[key + 8 * i] = k[i];
            memcpy(elements + value, v, kv->head_size * sizeof *v);
            continue;
        }
        uint16_t *elements = page, halves[8];
        for (size_t i = 0; i < kv->head_size; i += 8) {
            size_t n = jk_least(8, kv->head_size - i);
            v8_store_f16(halves, v8_load_first(k + i, n, 0.0f));
            for (size_t j = 0; j < n; j++) elements[key + 8 * (i + j)] = halves[j];
            v8_store_f16(halves, v8_load_first(v + i, n, 0.0f));
            memcpy(elements + value + i, halves, n * sizeof *halves);
        }
    }
}

JK_INLINE v8 load_kv(jk_kv_type type, const void *page, size_t element) {
    switch (type) {
        case JK_KV_F32: return v8_load((const float *)page + element);
        case JK_KV_F16: return v8_load_f16((const uint16_t *)page + element);
        default: return v8_load_i8((const int8_t *)page + element);
    }
}

JK_INLINE v8 load_kv_first(jk_kv_type type, const void *page, size_t element, size_t n) {
    if (n >= 8) return load_kv(type, page, element);
    if (type == JK_KV_F32) return v8_load_first((const float *)page + element, n, 0.0f);
    if (type == JK_KV_F16) {
        uint16_t halves[8] = {0};
        memcpy(halves, (const uint16_t *)page + element, n * sizeof *halves);
        return v8_load_f16(halves);
    }
    int8_t codes[8] = {0};
    memcpy(codes, (const int8_t *)page + element, n);
    return v8_load_i8(codes);
}

// The visible positions of a block, counted within it: 0 ..< sinks and first ..< count, sinks <= first <= count. A
// position between them or behind them may hold anything: it was never written, or belongs to another page of the ring.
typedef struct {
    size_t sinks, first, count;
} kv_block;

// sum[k] += p[j] V[j] for positions first ..< last, ascending.
JK_INLINE void add_run(jk_kv_type type, const void *page, size_t value, size_t head_size, const float *p, size_t first,
                       size_t last, v8 *sum, size_t i, size_t n, const int parts) {
    for (size_t j = first; j < last; j++) {
        const v8 weight = v8_set(p[j]);
        const size_t element = value + j * head_size + i;
        JK_UNROLL for (int k = 0; k < parts; k++)
            sum[k] = v8_fma(weight, load_kv_first(type, page, element + 8 * (size_t)k, n), sum[k]);
    }
}

// y = y * c + sum_j p[j] V[j], j ascending over the visible positions: 8 x parts columns from column i, or, with
// parts = 1, as many as there are up to the end.
JK_INLINE void add_values(jk_kv_type type, const void *page, size_t value, size_t head_size, const float *p,
                          kv_block seen, v8 c, float *y, size_t i, const int parts) {
    v8 sum[8];
    const size_t n = parts > 1 ? 8 : head_size - i;
    JK_UNROLL for (int k = 0; k < parts; k++) sum[k] = v8_mul(v8_load_first(y + i + 8 * k, n, 0.0f), c);
    add_run(type, page, value, head_size, p, 0, seen.sinks, sum, i, n, parts);
    add_run(type, page, value, head_size, p, seen.first, seen.count, sum, i, n, parts);
    JK_UNROLL for (int k = 0; k < parts; k++) v8_store_first(y + i + 8 * k, n, sum[k]);
}

// One block: scores s_j = (q . K[j]) * scale, then with m' = max(m, max_j s_j), c = exp(m - m'), p_j = exp(s_j - m'):
// l = l * c + sum p, y = y * c + sum_j p_j V[j]. Positions that are not seen take part in the first step, whose lanes do
// not mix, and are then replaced by -infinity. With JK_KV_I8, s_j = (q . code[j]) * key scale * scale, and p_j times the
// value's scale multiplies the value's codes.
JK_INLINE void attend_block(jk_kv_type type, const jk_kv *kv, size_t kv_head, const float *q, float scale,
                            size_t position, kv_block seen, float *maximum, float *total, float *y) {
    enum { groups = JK_PAGE_POSITIONS / 8 };
    void *page = jk_page(kv, position);
    const float *scales = type == JK_KV_I8 ? jk_kv_scales(kv, page, kv_head) : NULL;
    const size_t key = jk_key_offset(kv, kv_head, position), head_size = kv->head_size;
    float p[JK_PAGE_POSITIONS];
    if (seen.count > JK_PAGE_POSITIONS - 8) {
        v8 score[groups];
        JK_UNROLL for (int g = 0; g < groups; g++) score[g] = v8_set(0.0f);
        for (size_t i = 0; i < head_size; i++) {
            v8 qi = v8_set(q[i]);
            JK_UNROLL for (int g = 0; g < groups; g++)
                score[g] = v8_fma(qi, load_kv(type, page, key + ((size_t)g * head_size + i) * 8), score[g]);
        }
        JK_UNROLL for (int g = 0; g < groups; g++) v8_store(p + 8 * g, score[g]);
    } else {
        for (size_t g = 0; 8 * g < seen.count; g++) {
            v8 score = v8_set(0.0f);
            for (size_t i = 0; i < head_size; i++)
                score = v8_fma(v8_set(q[i]), load_kv(type, page, key + (g * head_size + i) * 8), score);
            v8_store(p + 8 * g, score);
        }
    }
    for (size_t g = 0; 8 * g < seen.count; g++) {
        v8 score = v8_load(p + 8 * g);
        if (type == JK_KV_I8) score = v8_mul(score, v8_load(scales + 8 * g));
        v8_store(p + 8 * g, v8_mul(score, v8_set(scale)));
    }
    for (size_t j = seen.sinks; j < seen.first; j++) p[j] = -INFINITY;
    for (size_t j = seen.count; j < JK_PAGE_POSITIONS; j++) p[j] = -INFINITY;

    v8 largest = v8_load(p);
    for (size_t g = 1; g < groups; g++) largest = v8_max(v8_load(p + 8 * g), largest);
    v8 block = v8_set(v8_maximum(largest)), old = v8_set(*maximum);
    v8 new = v8_max(block, old);
    v8 c = v8_exp(v8_sub(old, new)), sum = v8_set(0.0f);
    for (size_t g = 0; g < groups; g++) {
        v8 lanes = v8_exp(v8_sub(v8_load(p + 8 * g), new));
        sum = v8_add(sum, lanes);
        if (type == JK_KV_I8) lanes = v8_mul(lanes, v8_load(scales + JK_PAGE_POSITIONS + 8 * g));
        v8_store(p + 8 * g, lanes);
    }
    float first[8], factor[8];
    v8_store(first, new);
    v8_store(factor, c);
    *maximum = first[0];
    *total = *total * factor[0] + v8_sum(sum);

    const size_t value = jk_value_offset(kv, kv_head, position);
    size_t i = 0;
    for (; i + 64 <= head_size; i += 64) add_values(type, page, value, head_size, p, seen, c, y, i, 8);
    for (; i < head_size; i += 8) add_values(type, page, value, head_size, p, seen, c, y, i, 1);
}

JK_INLINE void attend_all(jk_kv_type type, const jk_kv *kv, size_t kv_head, const float *q, float scale,
                          size_t position, float *y) {
    const size_t end = position + 1, oldest = end > kv->window ? end - kv->window : 0;
    float maximum = -INFINITY, total = 0.0f;
    for (size_t i = 0; i < kv->head_size; i++) y[i] = 0.0f;
    for (size_t block = 0; block < end; block += JK_PAGE_POSITIONS) {
        // Behind the sinks the next visible block is the window's first.
        if (block >= kv->sinks) block = jk_most(block, oldest / JK_PAGE_POSITIONS * JK_PAGE_POSITIONS);
        kv_block seen;
        seen.count = jk_least(JK_PAGE_POSITIONS, end - block);
        seen.sinks = jk_least(seen.count, kv->sinks > block ? kv->sinks - block : 0);
        seen.first = jk_most(seen.sinks, jk_least(seen.count, oldest > block ? oldest - block : 0));
        attend_block(type, kv, kv_head, q, scale, block, seen, &maximum, &total, y);
    }
    for (size_t i = 0; i < kv->head_size; i += 8) {
        size_t n = kv->head_size - i;
        v8_store_first(y + i, n, v8_div(v8_load_first(y + i, n, 0.0f), v8_set(total)));
    }
}

static void attend(const jk_kv *kv, size_t kv_head, const float *q, float scale, size_t position, float *y) {
    switch (kv->type) {
        case JK_KV_F32: attend_all(JK_KV_F32, kv, kv_head, q, scale, position, y); break;
        case JK_KV_F16: attend_all(JK_KV_F16, kv, kv_head, q, scale, position, y); break;
        default: attend_all(JK_KV_I8, kv, kv_head, q, scale, position, y); break;
    }
}
