#include <sqlite3.h>

// The function takes its option's arguments as C's `...`, which Swift can't call.
static inline int taffrail_sqlite_count_no_memory(void) {
  return sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}
