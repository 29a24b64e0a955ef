// Runs the instructions of AMX on a processor that has AVX-512 but not them: it refuses each by a signal, whose handler does what the
// instruction says on the registers of tiles.h and goes on behind it. So what the compilers made of amx.c is compared, too.
#if defined(__x86_64__) && defined(__linux__) && !defined(JK_EMULATED)
#define _GNU_SOURCE  // the registers' names in ucontext.h

#include <signal.h>
#include <stdbool.h>
#include <ucontext.h>

#include "tiles.h"

bool emulate_tiles(void);

// The general registers as instructions count them.
static const int numbers[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

// A memory operand, and the index that it is made with: the stride of rows.
typedef struct {
    uintptr_t base, index;
    size_t size;  // of its bytes, from ModRM on
} operand;

static operand read_operand(const uint8_t *modrm, const greg_t *registers, unsigned upper_index, unsigned upper_base) {
    const unsigned mode = modrm[0] >> 6, low = modrm[0] & 7;
    operand found = {0, 0, 1};
    unsigned base = low;
    if (low == 4) {
        const unsigned index = (modrm[1] >> 3 & 7) | upper_index;
        base = modrm[1] & 7;
        if (index != 4) found.index = (uintptr_t)registers[numbers[index]] << (modrm[1] >> 6);
        found.size = 2;
    }
    const bool is_bare = mode == 0 && base == 5;  // a displacement alone, or from the next instruction on
    int32_t displacement = 0;
    if (mode == 1) {
        displacement = (int8_t)modrm[found.size];
        found.size += 1;
    } else if (mode == 2 || is_bare) {
        memcpy(&displacement, modrm + found.size, sizeof displacement);
        found.size += 4;
    }
    if (!is_bare) found.base = (uintptr_t)registers[numbers[base | upper_base]];
    if (is_bare && low == 5) found.base = (uintptr_t)(modrm + found.size);
    found.base += (uintptr_t)(intptr_t)displacement;
    return found;
}

// All are VEX.128.0F38.W0, and tell each other apart by the prefix that VEX stands for, the opcode and ModRM.
static void step(int number, siginfo_t *info, void *context) {
    (void)number, (void)info;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    const uint8_t *code = (const uint8_t *)registers[REG_RIP], *modrm = code + 4;
    enum { NONE, P66, PF3, PF2 };
    const unsigned prefix = code[2] & 3, is_register = modrm[0] >> 6 == 3;
    const int reg = modrm[0] >> 3 & 7, rm = modrm[0] & 7, vvvv = ~code[2] >> 3 & 15;
    emulated_check(code[0] == 0xC4 && (code[1] & 0x1F) == 2 && (code[2] & 0x84) == 0, "SIGILL", "an instruction that no test expects");
    operand memory = {0, 0, 1};
    if (!is_register) memory = read_operand(modrm, registers, code[1] & 0x40 ? 0 : 8, code[1] & 0x20 ? 0 : 8);
    void *rows = (void *)(memory.base);
    const long stride = (long)memory.index;
    if (code[3] == 0x49 && prefix == NONE && !is_register && reg == 0) emulated_loadconfig((void *)(memory.base + memory.index));
    else if (code[3] == 0x49 && prefix == NONE && modrm[0] == 0xC0) emulated_release();
    else if (code[3] == 0x49 && prefix == PF2 && is_register && rm == 0) emulated_zero(reg);
    else if (code[3] == 0x4B && prefix == PF2 && !is_register && rm == 4) emulated_loadd(reg, rows, stride);
    else if (code[3] == 0x4B && prefix == PF3 && !is_register && rm == 4) emulated_stored(reg, rows, stride);
    else if (code[3] == 0x5E && prefix == PF2 && is_register) emulated_dpbssd(reg, rm, vvvv);
    else emulated_fault("SIGILL", "an instruction that no test expects");
    registers[REG_RIP] += 4 + (greg_t)memory.size;
}

bool emulate_tiles(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = step;
    action.sa_flags = SA_SIGINFO;
    return sigaction(SIGILL, &action, NULL) == 0;
}
#endif
