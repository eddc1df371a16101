/* libopendkim, as Debian's opendkim uses it: callbacks return DNS packets, also for NXDOMAIN, which
 * its own resolver treats as a temporary failure. Requests: "verify NOW MESSAGE", answered by a
 * word for each signature; "sign NOW SELECTOR DOMAIN HEADERFORM BODYFORM ALGORITHM LENGTH HEADERS
 * KEY MESSAGE", answered by the field in hex. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>

#include <opendkim/dkim.h>
#include "pipe.h"

static time_t now_is;
static DKIM_LIB* lib;
static int reply_length; /* -1: the question had no answer */

/* Replaces that of the C library: libopendkim uses the clock of the case. */
time_t time(time_t* out) {
  if (out) *out = now_is;
  return now_is;
}

static int start(void* service, int type, unsigned char* name, unsigned char* buffer, size_t size,
                 void** handle) {
  (void)service;
  (void)type; /* it asks for TXT only */
  reply_length = ask("TXT", (char*)name, buffer, size);
  if (reply_length > 3 && (buffer[3] & 15) == 2) reply_length = -1; /* SERVFAIL */
  *handle = &reply_length;
  return DKIM_DNS_SUCCESS;
}

static int cancel(void* service, void* handle) {
  (void)service;
  (void)handle;
  return DKIM_DNS_SUCCESS;
}

static int wait_reply(void* service, void* handle, struct timeval* timeout, size_t* bytes,
                      int* error, int* dnssec) {
  (void)service;
  (void)handle;
  (void)timeout;
  if (error) *error = 0;
  if (dnssec) *dnssec = DKIM_DNSSEC_UNKNOWN;
  if (reply_length < 0) return DKIM_DNS_EXPIRED;
  *bytes = (size_t)reply_length;
  return DKIM_DNS_SUCCESS;
}

static const char* word_of(DKIM* dkim, DKIM_SIGINFO* sig) {
  DKIM_STAT processed = DKIM_STAT_OK;
  if (!(dkim_sig_getflags(sig) & DKIM_SIGFLAG_PROCESSED)) processed = dkim_sig_process(dkim, sig);
  const unsigned flags = dkim_sig_getflags(sig);
  const int body = dkim_sig_getbh(sig);
  if ((flags & DKIM_SIGFLAG_PASSED) && body == DKIM_SIGBH_MATCH) return "pass";
  if (processed == DKIM_STAT_KEYFAIL || dkim_sig_geterror(sig) == DKIM_SIGERROR_KEYFAIL)
    return "temperror";
  if (dkim_sig_geterror(sig) == DKIM_SIGERROR_BADSIG || body == DKIM_SIGBH_MISMATCH) return "fail";
  if (dkim_sig_geterror(sig) == DKIM_SIGERROR_KEYTOOSMALL) return "policy";
  return dkim_sig_geterror(sig) == DKIM_SIGERROR_OK ? "fail" : "permerror";
}

static unsigned char* word(size_t* length) { return unhex(strtok(NULL, " "), length); }

static long long number(void) { return strtoll(strtok(NULL, " "), NULL, 10); }

static dkim_canon_t form(void) {
  return *strtok(NULL, " ") == 's' ? DKIM_CANON_SIMPLE : DKIM_CANON_RELAXED;
}

static void sign(void) {
  size_t length;
  DKIM_STAT status;
  unsigned char *selector = word(&length), *domain = word(&length);
  const dkim_canon_t header = form(), body = form();
  const dkim_alg_t algorithm =
      *strtok(NULL, " ") == 'r' ? DKIM_SIGN_RSASHA256 : DKIM_SIGN_ED25519SHA256;
  const ssize_t limit = (ssize_t)number();
  char* fields = (char*)word(&length);
  const unsigned char* names[64] = {NULL};
  for (int i = 0; i < 63 && fields; i++) {
    char* next = strchr(fields, ':');
    if (next) *next++ = 0;
    names[i] = (unsigned char*)fields;
    fields = next;
  }
  unsigned char* key = word(&length);
  unsigned char* message = word(&length);
  uint64_t fixed = (uint64_t)now_is;
  dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_FIXEDTIME, &fixed, sizeof fixed);
  dkim_options(lib, DKIM_OP_SETOPT, DKIM_OPTS_SIGNHDRS, names, sizeof names);
  DKIM* dkim = dkim_sign(lib, (unsigned char*)"case", NULL, key, selector, domain, header, body,
                         algorithm, limit, &status);
  unsigned char* field = NULL;
  size_t size = 0;
  if (dkim && dkim_chunk(dkim, message, length) == DKIM_STAT_OK &&
      dkim_chunk(dkim, NULL, 0) == DKIM_STAT_OK && dkim_eom(dkim, NULL) == DKIM_STAT_OK &&
      dkim_getsighdr_d(dkim, strlen("DKIM-Signature: "), &field, &size) == DKIM_STAT_OK) {
    printf("= ");
    for (size_t i = 0; i < size && field[i]; i++) printf("%02x", field[i]);
    puts("");
  } else {
    puts("=");
  }
  fflush(stdout);
  if (dkim) dkim_free(dkim);
}

static void verify(void) {
  size_t length;
  unsigned char* message = word(&length);
  DKIM_STAT status;
  DKIM* dkim = dkim_verify(lib, (unsigned char*)"case", NULL, &status);
  status = dkim_chunk(dkim, message, length);
  if (status == DKIM_STAT_OK) status = dkim_chunk(dkim, NULL, 0);
  DKIM_SIGINFO** sigs = NULL;
  int count = 0;
  const char* alone = NULL; /* the word when there is no list */
  if (status != DKIM_STAT_NOSIG) {
    const DKIM_STAT ended = dkim_eom(dkim, NULL);
    if (dkim_getsiglist(dkim, &sigs, &count) != DKIM_STAT_OK) count = 0;
    if (count == 0 && ended != DKIM_STAT_NOSIG)
      alone = ended == DKIM_STAT_KEYFAIL ? "temperror" : "permerror";
  }
  /* Reads all words first: a question may come in between. */
  const char* found[256];
  if (count > 256) count = 256;
  for (int i = 0; i < count; i++) found[i] = word_of(dkim, sigs[i]);
  printf("=");
  for (int i = 0; i < count; i++) printf(" %s", found[i]);
  if (alone) printf(" %s", alone);
  puts("");
  fflush(stdout);
  dkim_free(dkim);
  free(message);
}

int main(void) {
  lib = dkim_init(NULL, NULL);
  if (!lib) return 2;
  dkim_dns_set_query_start(lib, start);
  dkim_dns_set_query_cancel(lib, cancel);
  dkim_dns_set_query_waitreply(lib, wait_reply);
  for (;;) {
    char *request = strdup(read_line()), *what = strtok(request, " ");
    now_is = number();
    *what == 's' ? sign() : verify();
    free(request);
  }
}
