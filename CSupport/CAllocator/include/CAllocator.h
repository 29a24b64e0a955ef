/// How the system's allocator keeps what is freed, which Swift cannot tell it.
#ifndef CALLOCATOR_H
#define CALLOCATOR_H

/// Has blocks of 1 MiB and more go back to the system when they are freed, and of smaller ones all but 1 MiB of each thread's. glibc
/// otherwise learns from large blocks to keep up to 64 MiB of each thread's. Nothing where the allocator is another.
void allocator_return_large_blocks(void);

#endif
