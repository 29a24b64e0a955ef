// Ways through a ring of codes (CStorage.h), over the vectors of any set: which of them come nearest to the weights of a tile.
//
// A weight's index shares its lowest bits, the state, with the weight before it in the ring, so that codes are not chosen one by one:
// the best way is found by Viterbi's algorithm, for all rows of a strip at once. Indices are whole numbers in vectors of floats.
//
// Defined before: the vectors (v8-*-inl.h), quantizers.h; v8_look_up(table, index), entry `index` of 16, for whole numbers.
#ifndef JK_WAYS_INL_H
#define JK_WAYS_INL_H

enum { RING_STATES = 4 };  // at most

// The column that has the given place in the ring.
JK_INLINE size_t ring_column(size_t place) { return place % 8 * 4 + place / 8; }

// What a ring type's codes are, as numbers, and their squares. Beside it goes `bits`, of the type, as a constant: loops that depend on
// it are unrolled.
typedef struct {
    float codes[16], squares[16];
} ring_grid;

JK_INLINE int ring_states(int bits) { return 1 << (4 - bits); }

JK_INLINE ring_grid ring_grid_of(jk_type type) {
    ring_grid grid;
    for (int32_t i = 0; i < 16; i++) {
        grid.codes[i] = (float)jk_stored_code(type, i);
        grid.squares[i] = grid.codes[i] * grid.codes[i];
    }
    return grid;
}

// The bits that an index adds to those of its state.
JK_INLINE v8 ring_added(int bits, v8 index) {
    const float part = 1.0f / (float)ring_states(bits);
    return v8i_float(v8_round(v8_fma(index, v8_set(part), v8_set(0.5f * (part - 1.0f)))));
}

// The state behind a weight that adds `added` to the ring: the uppermost bits of that.
JK_INLINE v8 ring_state(int bits, v8 added) {
    if (bits == 2) return added;
    return v8_select(v8_less(v8_set(3.5f), added), v8_set(1.0f), v8_set(0.0f));
}

// The step from state `before` to state `next`: its least (code - y)^2 - y^2 for t = -2 y among the indices that lead there, and,
// where it is asked for, the first index that has it.
JK_INLINE v8 ring_step(int bits, const ring_grid *grid, v8 t, int before, int next, v8 *index) {
    const int fan = 1 << bits, first = next * fan + before;
    v8 least = v8_fma(v8_set(grid->codes[first]), t, v8_set(grid->squares[first]));
    if (index) *index = v8_set((float)first);
    JK_UNROLL for (int i = first + ring_states(bits); i < (next + 1) * fan; i += ring_states(bits)) {
        const v8 other = v8_fma(v8_set(grid->codes[i]), t, v8_set(grid->squares[i]));
        if (index) *index = v8_select(v8_less(other, least), v8_set((float)i), *index);
        least = v8_min(other, least);
    }
    return least;
}

// The least costs of ways through all places, less what all ways have in common: cost[k][s] to state s, from states of the given
// costs, of which there are `starts` sets. `doubled`: -2 x inverse.
JK_INLINE void ring_least_costs(int bits, const ring_grid *grid, const v8 *x, const v8 *w, v8 doubled, int starts,
                                v8 cost[][RING_STATES]) {
    const int states = ring_states(bits);
    for (size_t place = 0; place < JK_GROUP; place++) {
        const size_t c = ring_column(place);
        const v8 t = v8_mul(x[c], doubled), weight = w[c];
        v8 step[RING_STATES][RING_STATES];
        JK_UNROLL for (int s = 0; s < states; s++)
            JK_UNROLL for (int p = 0; p < states; p++) step[s][p] = ring_step(bits, grid, t, p, s, NULL);
        JK_UNROLL for (int k = 0; k < starts; k++) {
            v8 next[RING_STATES];
            JK_UNROLL for (int s = 0; s < states; s++) {
                v8 to[RING_STATES];
                JK_UNROLL for (int p = 0; p < states; p++) to[p] = v8_fma(weight, step[s][p], cost[k][p]);
                next[s] = v8_min(to[1], to[0]);
                if (states == 4) next[s] = v8_min(v8_min(to[3], to[2]), next[s]);
            }
            JK_UNROLL for (int s = 0; s < states; s++) cost[k][s] = next[s];
        }
    }
}

// The least cost of any way for 32 weights x times inverse.
JK_INLINE v8 ring_least_cost(int bits, const ring_grid *grid, const v8 *x, const v8 *w, v8 inverse) {
    v8 cost[1][RING_STATES];
    for (int s = 0; s < ring_states(bits); s++) cost[0][s] = v8_set(0.0f);
    ring_least_costs(bits, grid, x, w, v8_mul(v8_set(-2.0f), inverse), 1, cost);
    for (int s = 1; s < ring_states(bits); s++) cost[0][0] = v8_min(cost[0][s], cost[0][0]);
    return cost[0][0];
}

// The best way for 32 weights x times inverse that ends in the state in which it began: its codes and indices, by columns.
JK_INLINE void ring_nearest(int bits, const ring_grid *grid, const v8 *x, const v8 *w, v8 inverse, v8 *codes, v8 *indices) {
    const int states = ring_states(bits);
    const v8 zero = v8_set(0.0f), far = v8_set(1e30f), doubled = v8_mul(v8_set(-2.0f), inverse);
    v8 cost[RING_STATES], state = zero;

    // From which state each row's way begins: the others are put out of reach.
    v8 from[RING_STATES][RING_STATES], least = far;
    for (int k = 0; k < states; k++)
        for (int s = 0; s < states; s++) from[k][s] = s == k ? zero : far;
    ring_least_costs(bits, grid, x, w, doubled, states, from);
    for (int k = 0; k < states; k++) {
        state = v8_select(v8_less(from[k][k], least), v8_set((float)k), state);
        least = v8_min(from[k][k], least);
    }
    for (int s = 0; s < states; s++) {
        const v8 other = v8_less(v8_set(0.25f), v8_abs(v8_sub(state, v8_set((float)s))));
        cost[s] = v8_select(other, far, zero);
    }

    v8 index[JK_GROUP][RING_STATES], before[JK_GROUP][RING_STATES];
    for (size_t place = 0; place < JK_GROUP; place++) {
        const size_t c = ring_column(place);
        const v8 t = v8_mul(x[c], doubled);
        v8 next[RING_STATES];
        JK_UNROLL for (int s = 0; s < states; s++) {
            v8 best = ring_step(bits, grid, t, 0, s, &index[place][s]);
            best = v8_fma(w[c], best, cost[0]);
            before[place][s] = zero;
            JK_UNROLL for (int p = 1; p < states; p++) {
                v8 found;
                v8 other = ring_step(bits, grid, t, p, s, &found);
                other = v8_fma(w[c], other, cost[p]);
                const v8 less = v8_less(other, best);
                best = v8_min(other, best);
                index[place][s] = v8_select(less, found, index[place][s]);
                before[place][s] = v8_select(less, v8_set((float)p), before[place][s]);
            }
            next[s] = best;
        }
        for (int s = 0; s < states; s++) cost[s] = next[s];
    }
    for (size_t place = JK_GROUP; place-- > 0;) {
        v8 found = index[place][0], from = before[place][0];
        JK_UNROLL for (int s = 1; s < states; s++) {
            const v8 beyond = v8_less(v8_set((float)s - 0.5f), state);
            found = v8_select(beyond, index[place][s], found);
            from = v8_select(beyond, before[place][s], from);
        }
        indices[ring_column(place)] = found;
        codes[ring_column(place)] = v8_look_up(grid->codes, found);
        state = from;
    }
}

// Writes the rings of a tile: of each index the bits that it adds.
JK_INLINE void ring_write(int ring_bits, uint8_t *tile, const v8 indices[JK_GROUP]) {
    const size_t bits = (size_t)ring_bits;
    uint32_t words[4][8] = {{0}};
    for (size_t place = 0; place < JK_GROUP; place++) {
        int32_t index[8];
        v8i_store(index, v8_round(indices[ring_column(place)]));
        const size_t bit = bits * place + 4 - bits, word = bit / 32, shift = bit % 32;
        for (size_t r = 0; r < 8; r++) words[word][r] |= (uint32_t)index[r] >> (4 - bits) << shift;
        if (shift + bits > 32)
            for (size_t r = 0; r < 8; r++) words[word + 1][r] |= (uint32_t)index[r] >> (4 - bits) >> (32 - shift);
    }
    for (size_t byte = 0; byte < 4 * bits; byte++)
        for (size_t r = 0; r < 8; r++) {
            const uint32_t word = byte < 4 ? words[0][r] | words[bits][r] : words[byte / 4][r];
            tile[byte % bits * 32 + 4 * r + byte / bits] = (uint8_t)(word >> byte % 4 * 8);
        }
}

// Reads the indices of a tile.
JK_INLINE void ring_read(int ring_bits, const uint8_t *tile, v8 indices[JK_GROUP]) {
    const size_t bits = (size_t)ring_bits;
    uint32_t words[4][8] = {{0}};
    for (size_t byte = 0; byte < 4 * bits; byte++)
        for (size_t r = 0; r < 8; r++)
            words[byte / 4][r] |= (uint32_t)tile[byte % bits * 32 + 4 * r + byte / bits] << byte % 4 * 8;
    for (size_t r = 0; r < 8; r++) words[bits][r] = words[0][r];
    for (size_t place = 0; place < JK_GROUP; place++) {
        const size_t word = bits * place / 32, shift = bits * place % 32;
        float index[8];
        for (size_t r = 0; r < 8; r++)
            index[r] = (float)((words[word][r] | (uint64_t)words[word + 1][r] << 32) >> shift & 15);
        indices[ring_column(place)] = v8_load(index);
    }
}

#endif
