/* A library to preload: the wall clock goes on CLOCK_EARLIER seconds ago. Timers and monotonic clocks stay as they are.
 *
 * libfaketime also moves the absolute times of timerfd_settime(). Boost.Asio asks for a time long past to wake at once; moved by more than
 * the machine has been up, it lies ahead, and the program waits for it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static int (*original)(clockid_t, struct timespec *);
static long earlier;

__attribute__((constructor)) static void set_up(void) {
  original = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  const char *seconds = getenv("CLOCK_EARLIER");
  if (seconds) earlier = atol(seconds);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
  if (!original) set_up(); /* a constructor of another library may be first */
  int result = original(clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec -= earlier;
  return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  now->tv_sec = precise.tv_sec;
  now->tv_usec = precise.tv_nsec / 1000;
  return 0;
}

time_t time(time_t *where) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (where) *where = now.tv_sec;
  return now.tv_sec;
}
