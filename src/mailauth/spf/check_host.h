// The SPF check_host() function (RFC 7208 §4): whether a client is authorized to use a domain. With
// a synchronous resolver:
//
//   auto check = mailauth::spf::check_host({.client = client, .helo = helo, .mail_from = from});
//   while (const mailauth::Question* question = check.next()) check.feed(resolve(*question));
//   const mailauth::spf::Result result = check.result();
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ip.h"
#include "mailauth/evaluation.h"
#include "mailauth/spf/result.h"

namespace mailauth::spf {

class RecordCache;

/// The arguments of check_host() (RFC 7208 §4.1).
struct Request {
  postern::IpAddress client;  ///< when it is unknown, the result is none
  std::string helo;           ///< as the client sent it
  std::string mail_from;      ///< `local@domain` without angle brackets; empty: null reverse-path
  Identity identity = Identity::mail_from;  ///< the identity to check
};

/// DNS lookup terms in one evaluation (RFC 7208 §4.6.4).
inline constexpr int max_lookup_terms = 10;
inline constexpr int max_void_terms = 2;      ///< terms with void lookups (RFC 7208 §4.6.4)
inline constexpr std::size_t max_names = 10;  ///< names of an MX or PTR answer (RFC 7208 §4.6.4)
inline constexpr int max_queries = 64;        ///< DNS queries in one evaluation; a limit of our own

/// Settings of an evaluation.
struct Options {
  /// DNS queries that the caller allows. When they are used up, the result is temperror
  /// (RFC 7208 §4.6.4). More than max_queries are the fault of the sender's records: permerror.
  int queries = max_queries;
  bool want_explanation = true;  ///< whether to look up the explanation of a fail
  std::string receiver;          ///< %{r}: the name of the checking host
  std::int64_t now = 0;          ///< %{t}: seconds since 1970
  RecordCache* cache = nullptr;  ///< may be null; must outlive the evaluation
};

/// Evaluates SPF. Never fails: a failed lookup gives temperror, an invalid record permerror.
Evaluation<Result> check_host(Request request, Options options = {});

}  // namespace mailauth::spf
