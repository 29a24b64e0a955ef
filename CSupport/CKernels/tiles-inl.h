// What a set's products of tiles are written with: the vector of sums, the forms of a tile, and the activations that meet
// it. A set includes this page, defines add_tile and expand_tile, and then includes matmul-inl.h.
//
// `vr` has a lane for each row of VR_STRIPS strips: v8, or where registers are wider a set's own, whose upper lanes are the
// strip that lies `beside` bytes on. A last strip that is alone has itself beside it, `beside` = 0, and those lanes are not
// stored.
//
//   JK_INLINE void add_tile(tile_form form, const int tokens, const size_t step, const uint8_t *tile, size_t beside,
//                           vr scales, const tile_tokens *x, vr *s);
//     s[t] = fma((float)dot, scales * x_scale, s[t]) for each token; the codes of its columns 4k ... 4k + 3 are at
//     x->codes[t] + k * step; with TOKEN_PAIRS those of packed tokens begin at x->codes[0], in the order of arrange_codes. `form`,
//     `tokens` and `step` are constants to the compiler.
//   JK_INLINE void expand_tile(tile_form form, const uint8_t *tile, size_t beside, vr scales, uint8_t expanded[EXPANDED_TILE]);
//     Only where MOST_TOGETHER is 4: makes a tile of indices of each strip a tile of FORM_EXPANDED. Where TOKEN_PAIRS is
//     defined, tiles of int8, too, and the expanded tile has a place for `scales`.
//   JK_INLINE void pack_offsets(const float codes[8][4], int32_t offsets[PACKED_OFFSETS][4]);
//     Only where PACKED_OFFSETS > 1: the offsets of a tile, made from four tokens' codes.
//   JK_INLINE void arrange_codes(v8 dwords[4]);
//   JK_INLINE void pair_sums(tile_form form, const int tokens, vr *s);
//   JK_INLINE void part_sums(tile_form form, const int tokens, vr *s);
//     Only where TOKEN_PAIRS is defined, as an instruction multiplies the codes of two tokens at once: makes of 8 dwords of each of
//     four tokens what is packed of them; brings the sums that packed tokens begin with, of a token each, into the order in which
//     add_tile adds to them; and brings them back.
//
// Defined before: the vectors (v8-*-inl.h), kernels.h; where a set has its own, VR_STRIPS with vr and vr_*, MOST_TOGETHER,
// PACKED_OFFSETS and TOKEN_PAIRS.
#ifndef JK_TILES_INL_H
#define JK_TILES_INL_H

#ifndef JK_V8
#error "a set's vectors first: one of v8-*-inl.h"
#endif

#include "lanes-inl.h"

#ifndef VR_STRIPS
#define VR_STRIPS 1
typedef v8 vr;
JK_INLINE vr vr_zero(void) { return v8_set(0.0f); }
JK_INLINE vr vr_mul(vr a, vr b) { return v8_mul(a, b); }
JK_INLINE vr vr_load_first(const float *p, size_t n) { return v8_load_first(p, n, 0.0f); }
JK_INLINE void vr_store_first(float *p, size_t n, vr x) { v8_store_first(p, n, x); }
JK_INLINE vr vr_keep_first(vr x, size_t n) { return v8_keep_first(x, n); }
// 8 floats, 8 signed bytes, or 8 indices into jk_scale_grid, for each strip.
JK_INLINE vr vr_load_rows(const float *p, size_t beside) { return (void)beside, v8_load(p); }
JK_INLINE vr vr_load_i8(const int8_t *p, size_t beside) { return (void)beside, v8_load_i8(p); }
JK_INLINE vr vr_load_scales(const uint8_t *p, size_t beside) { return (void)beside, v8_load_scales(p); }
#endif

// The forms of a tile that add_tile takes: as stored, or a tile of indices that have been looked up for many tokens to come.
typedef enum { FORM_I8, FORM_I6, FORM_NL4, FORM_R3, FORM_R2, FORM_EXPANDED } tile_form;

// Bytes of a vector's strips' tiles whose weights are a byte each; of pairs, behind them the scales, twice.
#ifdef TOKEN_PAIRS
enum { EXPANDED_TILE = 256 * VR_STRIPS + 2 * sizeof(vr) };
#else
enum { EXPANDED_TILE = 256 * VR_STRIPS };
#endif

// From one dword of a token's codes to its next: those of a token alone, and of four that are packed side by side.
enum { ALONE = 4, PACKED = 16 };

// Dwords that a set packs of a tile's offsets for each token. One: the offset itself.
#ifndef PACKED_OFFSETS
#define PACKED_OFFSETS 1
#endif

// Tokens that meet a tile together, 4 or 8: as many as leave their sums in registers, which counts for more than reading the
// weights less often. Where they are 8, looking up the weights costs so little of the work that tiles are not expanded.
#ifndef MOST_TOGETHER
#define MOST_TOGETHER 4
#endif

// Where the quantized activations of some tokens begin that meet one tile.
typedef struct {
    const int8_t *codes[MOST_TOGETHER];
    const float *scales[MOST_TOGETHER];
    const int32_t *offsets[MOST_TOGETHER];
} tile_tokens;

#endif
