// AMX's tile registers in plain C, for machines that have none: simde/immintrin.h has them in place of the intrinsics, tiles.c in place of
// the instructions. What the processor answers with an exception ends the
// program with a sentence, and so does what it allows but the kernels must not do: to configure registers that were not released, or
// to begin at another row than the first.
#ifndef EMULATED_TILES_H
#define EMULATED_TILES_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EMULATED __attribute__((unused)) static

enum { EMULATED_REGISTERS = 8, EMULATED_ROWS = 16, EMULATED_ROW_BYTES = 64 };

typedef struct {
    size_t rows, bytes;  // 0: not configured
    uint8_t row[EMULATED_ROWS][EMULATED_ROW_BYTES];
} emulated_register;

EMULATED emulated_register emulated_registers[EMULATED_REGISTERS];
EMULATED int emulated_is_configured;

EMULATED void emulated_fault(const char *instruction, const char *what) {
    printf("FAILED: %s: %s\n", instruction, what);
    abort();
}

EMULATED void emulated_check(int holds, const char *instruction, const char *what) {
    if (!holds) emulated_fault(instruction, what);
}

EMULATED void emulated_loadconfig(const void *memory) {
    const char *name = "ldtilecfg";
    uint8_t bytes[64];
    memcpy(bytes, memory, sizeof bytes);
    emulated_check(!emulated_is_configured, name, "the registers are configured, and were not released");
    emulated_check(bytes[0] == 1, name, "a palette other than 1");
    for (int i = 1; i < 16; i++) emulated_check(bytes[i] == 0, name, "a first row other than 0, or something in a reserved byte");
    for (int i = 0; i < 16; i++) {
        const size_t row_bytes = bytes[16 + 2 * i] | (size_t)bytes[17 + 2 * i] << 8, rows = bytes[48 + i];
        emulated_check(i < EMULATED_REGISTERS || (rows == 0 && row_bytes == 0), name, "a ninth register");
        emulated_check((rows == 0) == (row_bytes == 0), name, "rows without bytes, or bytes without rows");
        emulated_check(rows <= EMULATED_ROWS, name, "more than 16 rows");
        emulated_check(row_bytes <= EMULATED_ROW_BYTES, name, "more than 64 bytes in a row");
        if (i >= EMULATED_REGISTERS) continue;
        memset(&emulated_registers[i], 0, sizeof emulated_registers[i]);
        emulated_registers[i].rows = rows;
        emulated_registers[i].bytes = row_bytes;
    }
    emulated_is_configured = 1;
}

EMULATED void emulated_release(void) {
    memset(emulated_registers, 0, sizeof emulated_registers);
    emulated_is_configured = 0;
}

EMULATED emulated_register *emulated_find(const char *instruction, int number) {
    emulated_check(number >= 0 && number < EMULATED_REGISTERS, instruction, "no such register");
    emulated_check(emulated_is_configured, instruction, "the registers are not configured");
    emulated_check(emulated_registers[number].rows > 0, instruction, "the configuration lacks this register");
    return &emulated_registers[number];
}

EMULATED void emulated_zero(int number) {
    emulated_register *a = emulated_find("tilezero", number);
    memset(a->row, 0, sizeof a->row);
}

EMULATED void emulated_loadd(int number, const void *memory, long stride) {
    emulated_register *a = emulated_find("tileloadd", number);
    memset(a->row, 0, sizeof a->row);
    for (size_t r = 0; r < a->rows; r++) memcpy(a->row[r], (const char *)memory + (long)r * stride, a->bytes);
}

EMULATED void emulated_stored(int number, void *memory, long stride) {
    const emulated_register *a = emulated_find("tilestored", number);
    for (size_t r = 0; r < a->rows; r++) memcpy((char *)memory + (long)r * stride, a->row[r], a->bytes);
}

// sums[m][n] += a[m][4k + i] * b[k][4n + i] for all k and i; of the sums int32 keeps the lower 32 bits.
EMULATED void emulated_dpbssd(int sums, int a, int b) {
    const char *name = "tdpbssd";
    emulated_register *c = emulated_find(name, sums);
    const emulated_register *x = emulated_find(name, a), *w = emulated_find(name, b);
    emulated_check(sums != a && sums != b && a != b, name, "a register twice");
    emulated_check(c->bytes % 4 == 0 && x->bytes % 4 == 0 && w->bytes % 4 == 0, name, "a row that is not of dwords");
    emulated_check(x->rows == c->rows, name, "rows of the sums and of the first factor differ");
    emulated_check(w->bytes == c->bytes, name, "columns of the sums and of the second factor differ");
    emulated_check(w->rows == x->bytes / 4, name, "the first factor's columns and the second one's rows differ");
    for (size_t m = 0; m < c->rows; m++)
        for (size_t n = 0; n < c->bytes / 4; n++) {
            uint32_t sum;
            memcpy(&sum, c->row[m] + 4 * n, sizeof sum);
            for (size_t k = 0; k < w->rows; k++)
                for (size_t i = 0; i < 4; i++)
                    sum += (uint32_t)((int32_t)(int8_t)x->row[m][4 * k + i] * (int8_t)w->row[k][4 * n + i]);
            memcpy(c->row[m] + 4 * n, &sum, sizeof sum);
        }
}

#undef EMULATED

#endif
