// What the C library's allocator offers beyond the C standard.
#pragma once
#include <malloc.h>
