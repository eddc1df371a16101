/* libopendmarc, RFC 7489. It queries with res_nquery() of the C library, which this file replaces;
 * its own code reads the packets. Request: SUFFIXFILE FROM SPFRESULT SPFDOMAIN [DKIMRESULT
 * DKIMDOMAIN]..., with "-" as SPFRESULT if MAIL FROM has no result. Answer: RESULT POLICY. */
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdbool.h>

#include <opendmarc/dmarc.h>
#include "pipe.h"

#undef res_nquery
int res_nquery(res_state state, const char* name, int class, int type, unsigned char* answer,
               int size) {
  (void)class;
  (void)type; /* it asks for TXT only */
  const int length = ask("TXT", name, answer, (size_t)size);
  const HEADER* header = (const HEADER*)answer;
  int trouble = NETDB_SUCCESS; /* a code of the C library */
  if (length < 0 || header->rcode == SERVFAIL)
    trouble = TRY_AGAIN;
  else if (header->rcode == NXDOMAIN)
    trouble = HOST_NOT_FOUND;
  else if (header->rcode != NOERROR)
    trouble = NO_RECOVERY;
  else if (header->ancount == 0)
    trouble = NO_DATA;
  h_errno = trouble;
  state->res_h_errno = trouble;
  return trouble == NETDB_SUCCESS ? length : -1;
}

static unsigned char* word(void) {
  size_t length;
  char* next = strtok(NULL, " ");
  return next ? unhex(next + 1, &length) : NULL; /* after an x: a word may be empty */
}

static int outcome(const char* result) {
  if (!strcmp(result, "pass")) return DMARC_POLICY_DKIM_OUTCOME_PASS;
  if (!strcmp(result, "none")) return DMARC_POLICY_DKIM_OUTCOME_NONE;
  return strcmp(result, "temperror") ? DMARC_POLICY_DKIM_OUTCOME_FAIL
                                     : DMARC_POLICY_DKIM_OUTCOME_TMPFAIL;
}

static void check(char* request) {
  static OPENDMARC_LIB_T options;
  static char suffixes[MAXPATHLEN];
  const char* file = strtok(request, " ");
  if (strcmp(file, suffixes)) {
    if (*suffixes) opendmarc_policy_library_shutdown(&options);
    snprintf(suffixes, sizeof suffixes, "%s", file);
    memset(&options, 0, sizeof options);
    options.tld_type = OPENDMARC_TLD_TYPE_MOZILLA;
    snprintf((char*)options.tld_source_file, sizeof options.tld_source_file, "%s", file);
    opendmarc_policy_library_init(&options);
  }
  unsigned char* from = word();
  DMARC_POLICY_T* policy = opendmarc_policy_connect_init((unsigned char*)"192.0.2.1", 4);
  opendmarc_policy_store_from_domain(policy, from);
  const char* spf = (const char*)word();
  unsigned char* domain = word();
  if (*spf != '-')
    opendmarc_policy_store_spf(policy, domain, outcome(spf), DMARC_POLICY_SPF_ORIGIN_MAILFROM,
                               NULL);
  for (const char* result; (result = (const char*)word()) != NULL;) {
    domain = word();
    opendmarc_policy_store_dkim(policy, domain, (unsigned char*)"s", outcome(result), NULL);
  }
  const OPENDMARC_STATUS_T found = opendmarc_policy_query_dmarc(policy, NULL);
  if (found == DMARC_DNS_ERROR_TMPERR) {
    puts("= temperror -");
  } else if (found != DMARC_PARSE_OKAY) { /* no record; opendmarc says permerror of one that it
                                             refuses, the RFC none */
    puts("= none -");
  } else {
    switch (opendmarc_get_policy_to_enforce(policy)) { /* as opendmarc reads it */
      case DMARC_POLICY_PASS:
        puts("= pass -");
        break;
      case DMARC_POLICY_REJECT:
        puts("= fail reject");
        break;
      case DMARC_POLICY_QUARANTINE:
        puts("= fail quarantine");
        break;
      case DMARC_POLICY_NONE:
        puts("= fail none");
        break;
      case DMARC_POLICY_ABSENT:
        puts("= none -");
        break;
      default:
        puts("= temperror -");
    }
  }
  fflush(stdout);
  opendmarc_policy_connect_shutdown(policy);
}

int main(void) {
  for (;;) check(strdup(read_line()));
}
