// The process that holds a pod's namespaces open: it waits until told to stop, and reaps the
// orphans of a shared process namespace.
//
// It needs no C library. The signals are blocked and taken one by one with rt_sigtimedwait, since
// a blocked signal stays pending also for process 1, which would ignore it otherwise.

#if defined(__x86_64__)
enum { sys_rt_sigprocmask = 14, sys_wait4 = 61, sys_rt_sigtimedwait = 128, sys_exit_group = 231 };

static long call(long number, long a, long b, long c, long d) {
  register long r10 __asm__("r10") = d;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                   : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
enum { sys_rt_sigprocmask = 135, sys_wait4 = 260, sys_rt_sigtimedwait = 137, sys_exit_group = 94 };

static long call(long number, long a, long b, long c, long d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
#else
#error "pause: only x86_64 and aarch64 are known"
#endif

enum { signal_interrupt = 2, signal_terminate = 15, signal_child = 17 };
enum { block = 0, without_hanging = 1, signal_set_bytes = 8 };

__attribute__((noreturn)) void _start(void) {
  const unsigned long set = 1ul << (signal_interrupt - 1) | 1ul << (signal_terminate - 1) |
                            1ul << (signal_child - 1);
  call(sys_rt_sigprocmask, block, (long)&set, 0, signal_set_bytes);
  for (;;) {
    long signal = call(sys_rt_sigtimedwait, (long)&set, 0, 0, signal_set_bytes);
    if (signal == signal_child) {
      while (call(sys_wait4, -1, 0, without_hanging, 0) > 0) {
      }
    } else if (signal > 0) {
      call(sys_exit_group, 0, 0, 0, 0);
    }
  }
}
