// How the weights of a matrix are stored: the list of types, and the sizes of what they are made of. The file format and
// the kernels compute them here, and nowhere else.
//
// Words: a *strip* is 8 consecutive rows of a matrix; a *tile* is 8 rows x 32 columns of one, or, of floats, 8 rows x 1
// column; a *group* is the weights of one row that share a scale.
#ifndef CSTORAGE_H
#define CSTORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    JK_LANES = 8,  // rows in a strip
    JK_GROUP = 32  // columns of a tile of codes; also those that share an activation scale
};

// Every type, one row each: the enum, sizes, kernels, quantizers and the tests' loops expand from this list.
//
//   TYPE(enumerator, number, name, kernels, tile, group, scales, least, most)
//
//   number       in .jamba files (docs/FORMAT.md)
//   name         for people: "int4"
//   kernels      the ending of its kernels' names: matmul_i8, encode_i8
//   tile         bytes of a tile
//   group        the most columns that share a scale; where they do not divide the columns, it is 32. 0: no scales
//   scales       bytes of a group's scales in a strip
//   least, most  the ends of its codes
//
// A new type is a row, what its tiles hold (jk_tile_stored and CQuantizers' encoder_write_tile), how products pass by them
// (matmul-inl.h), and how its scales are found (encode-inl.h). Switches over types have no default: the compiler names
// those that do not know it. docs/FORMAT.md and the comment below describe it.

// Weights are numbers as they are; products read the activations' floats.
#define JK_FLOAT_TYPES(TYPE)                            \
    TYPE(JK_F32, 2, "f32", f32, 32, 0, 0, 0, 0)         \
    TYPE(JK_BF16, 3, "bf16", bf16, 16, 0, 0, 0, 0)

// Weights are integers under scales; products read the activations' int8 codes.
#define JK_CODE_TYPES(TYPE)                             \
    TYPE(JK_I8, 4, "int8", i8, 256, 64, 8, -127, 127)   \
    TYPE(JK_NL4, 5, "int4", nl4, 128, 32, 8, -64, 57)   \
    TYPE(JK_I6, 6, "int6", i6, 192, 64, 8, -32, 31)     \
    TYPE(JK_R3, 9, "int3", r3, 96, 32, 4, -62, 58)      \
    TYPE(JK_R2, 10, "int2", r2, 64, 32, 4, -58, 62)

#define JK_TYPES(TYPE) JK_FLOAT_TYPES(TYPE) JK_CODE_TYPES(TYPE)

// How a weight matrix is stored. Matrices are cut into strips of 8 rows; rows beyond the last are zero weights.
// All numbers are little-endian. C' is the number of columns rounded up to 32.
//
//   JK_F32   strip = C x 8 floats, [column][row]
//   JK_BF16  strip = C x 8 bfloat16, [column][row]
//   JK_I8    strip = header, then C'/32 tiles of 256 bytes: 8 dword planes of 32 bytes; byte 4r+k of plane j is
//            row r, column 4j+k, two's complement in -127...127. Group: 64 columns where C is a multiple of 64, else 32.
//   JK_NL4   strip = header, then C'/32 tiles of 128 bytes: 4 dword planes of 32 bytes; byte 4r+k of plane j holds
//            row r, column 4j+k in its low nibble and column 16+4j+k in its high nibble: an index into jk_nl4_grid,
//            whose entry minus 64 is the weight's code. Group: 32 columns.
//   JK_I6    strip = header, then C'/32 tiles of 192 bytes: 4 planes with the low 4 bits of code + 32, placed as in JK_NL4,
//            then 2 planes with the upper 2 bits: bits 2i and 2i+1 of byte 4r+k of plane j are those of row r, column
//            16j+4i+k. Codes: -32...31. Group: as JK_I8.
//   JK_R3    strip = header, then C'/32 tiles of 96 bytes: 3 planes of 32 bytes. Byte 4r+k of the three, k = 0...3 in turn, are
//            96 bits of row r, lowest first, closed to a ring. Column 4t+k has the 4 bits from bit 24k + 3t on: an index into
//            jk_r3_grid, whose entry minus 64 is the weight's code. Neighbours in the ring share a bit. Group: 32 columns.
//   JK_R2    strip = header, then C'/32 tiles of 64 bytes: 2 planes, which are rings of 64 bits likewise. Column 4t+k has the 4
//            bits from bit 16k + 2t on, an index into jk_r2_grid. Neighbours share two bits. Group: 32 columns.
//   header = 8 floats (scale of each row), then 8 signed bytes per group ([group][row]), zeros up to a multiple of 64. Of JK_R3 and
//            JK_R2: 4 bytes per group, of which bits 4r ... 4r + 3, the lowest first, are row r's index into jk_scale_grid.
//
// weight = row scale x group scale x code.
typedef enum {
#define JK_ENUMERATOR(type, number, ...) type = number,
    JK_TYPES(JK_ENUMERATOR)
#undef JK_ENUMERATOR
} jk_type;

extern const uint8_t jk_nl4_grid[16], jk_r3_grid[16], jk_r2_grid[16];

// Group scales of 4 bits: 0, then by magnitude, of either sign in turn.
extern const int8_t jk_scale_grid[16];

// Labels of a switch: `JK_FLOAT_TYPES(JK_CASE)` stands for those of all floats.
#define JK_CASE(type, ...) case type:

// Whether `number` is that of a type.
bool jk_is_type(uint32_t number);

// The type's name: "int4".
const char *jk_type_name(jk_type type);

// Whether products with the type read the int8 copy of the activations.
static inline bool jk_has_codes(jk_type type) {
    switch (type) {
        JK_FLOAT_TYPES(JK_CASE) return false;
        JK_CODE_TYPES(JK_CASE) return true;
    }
    __builtin_trap();
}

// Bytes of a tile.
static inline size_t jk_tile_size(jk_type type) {
    switch (type) {
#define JK_TILE_SIZE(type, number, name, kernels, tile, ...) \
    case type: return tile;
        JK_TYPES(JK_TILE_SIZE)
#undef JK_TILE_SIZE
    }
    __builtin_trap();
}

// Bytes of a group's scales in a strip: 8, or 4 where they are indices.
static inline size_t jk_scale_bytes(jk_type type) {
    switch (type) {
#define JK_SCALE_BYTES(type, number, name, kernels, tile, group, scales, ...) \
    case type: return scales;
        JK_TYPES(JK_SCALE_BYTES)
#undef JK_SCALE_BYTES
    }
    __builtin_trap();
}

// Bytes before the first tile of a strip whose rows have `groups` groups.
static inline size_t jk_header_size(jk_type type, size_t groups) {
    return (32 + jk_scale_bytes(type) * groups + 63) / 64 * 64;
}

// Columns that share a scale: 64 or 32 for JK_I8 and JK_I6, 32 for the other codes, 0 for floats.
size_t jk_scale_group(jk_type type, size_t columns);

// Bytes of one strip. The caller has checked `columns` <= 2^31.
size_t jk_strip_size(jk_type type, size_t columns);

#ifdef __cplusplus
}
#endif
#endif
