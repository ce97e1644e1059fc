// What glibc has for processes and its Swift overlay does not show: available since 2.36.
#pragma once
#include <spawn.h>
#include <sys/types.h>

extern int posix_spawn_file_actions_addclosefrom_np(posix_spawn_file_actions_t *actions, int from);
extern int posix_spawn_file_actions_addchdir_np(
    posix_spawn_file_actions_t *actions, const char *path);
extern int pidfd_open(pid_t pid, unsigned int flags);

extern char **environ;
// Swift takes a global pointer for a variable that anybody may change.
static inline char **taffrail_environment(void) { return environ; }
