// SPF (RFC 7208): may this client use this name? Ten synchronous lines:
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
#include "mailauth/spf/record.h"

namespace mailauth::spf {

/// RFC 7208 §2.3, §2.4. A null reverse-path makes the MAIL FROM identity postmaster@helo.
enum class Identity : std::uint8_t { mail_from, helo };
std::string_view to_string(Identity identity);  ///< as RFC 8601 §2.7.2 names the property

struct Request {
  postern::IpAddress client;
  std::string helo;       ///< as the client gave it
  std::string mail_from;  ///< `local@domain` without angle brackets; empty for the null sender
  Identity identity = Identity::mail_from;
};

/// Terms that ask DNS and void ones (RFC 7208 §4.6.4), names of an MX or PTR answer, questions.
inline constexpr int max_lookup_terms = 10;
inline constexpr int max_void_terms = 2;
inline constexpr std::size_t max_names = 10;
inline constexpr int max_queries = 64;

struct Options {
  /// Questions this evaluation may ask, as far as the caller's time goes. When they are used up
  /// the result is temperror (RFC 7208 §4.6.4); the sender's own limit of max_queries makes a
  /// permerror.
  int queries = max_queries;
  bool want_explanation = true;
  std::string receiver;          ///< %{r}: the name of the host that checks
  std::int64_t now = 0;          ///< %{t}: Unix time
  RecordCache* cache = nullptr;  ///< parsed records; must outlive the evaluation
};

struct Result {
  Status status = Status::none;
  Identity identity = Identity::mail_from;
  std::string domain;  ///< the one checked, in normal form where it has one
  std::string sender;  ///< `local@domain` that was judged
  /// The term that decided, or broke, as written: `-all`, `include:example.org`; else empty.
  std::string mechanism;
  std::string record_domain;  ///< whose record that is: after redirect= another than `domain`
  /// The domain's own words for a fail, printable ASCII; empty when it has none. Never trust them
  /// (RFC 7208 §11.5).
  std::string explanation;
  std::string reason;  ///< one sentence for logs when no term decided
  int queries = 0;
  int lookup_terms = 0;
  int void_terms = 0;
};

/// Never fails: DNS trouble is temperror, a bad record permerror.
Evaluation<Result> check_host(Request request, Options options = {});

}  // namespace mailauth::spf
