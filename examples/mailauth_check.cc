// Checks a message with the mailauth library: SPF, DKIM, ARC and DMARC, and the
// Authentication-Results field a gateway would write.
//
//   mailauth_check MESSAGE.eml ZONE.json CLIENT-ADDRESS HELO-NAME MAIL-FROM
//
// DNS comes from a file, {"example.org": {"TXT": ["v=spf1 -all"]}, ...}; a program of your own
// would ask its resolver in resolve(), that is all the library wants to know of the world.
#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>

#include <boost/json.hpp>

#include "mailauth/ar/write.h"
#include "mailauth/arc/validate.h"
#include "mailauth/dkim/verify.h"
#include "mailauth/dmarc/evaluate.h"
#include "mailauth/dmarc/from_header.h"
#include "mailauth/spf/check_host.h"
#include "mailauth/testing/zone.h"

namespace {

using namespace mailauth;

/// Answers an evaluation's questions until it has its result.
template <class T>
T resolve(Evaluation<T> evaluation, const testing::SuiteZone& zone) {
  while (const Question* question = evaluation.next()) evaluation.feed(zone.resolve(*question));
  return evaluation.result();
}

std::string read(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(std::string("cannot read ") + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

ar::MethodResult entry(std::string method, std::string_view result, std::string_view reason,
                       std::vector<ar::Property> properties) {
  ar::MethodResult out{.method = std::move(method), .result = std::string(result)};
  if (!reason.empty()) out.reason = std::string(reason);
  out.properties = std::move(properties);
  return out;
}

int check(char** arguments) {
  const std::string message = read(arguments[1]);
  const testing::SuiteZone zone(boost::json::parse(read(arguments[2])).as_object());
  const auto client = postern::IpAddress::parse(arguments[3]);
  if (!client) throw std::runtime_error(client.error().message);
  const std::int64_t now = std::time(nullptr);

  const spf::Result spf = resolve(
      spf::check_host({.client = *client, .helo = arguments[4], .mail_from = arguments[5]}), zone);

  // A gateway feeds the message as it arrives; here it comes at once.
  dkim::Verifier verifier;
  verifier.feed(message);
  const HeaderView* header = verifier.header();
  const dmarc::Author author = header != nullptr ? dmarc::author_of(*header) : dmarc::Author{};
  const dkim::Results dkim = resolve(verifier.finish(now), zone);

  const arc::Verdict arc = resolve(arc::validate(message, {.now = now}), zone);

  dmarc::Request about;
  if (author.is_strict()) about.from_domain = author.domains.front();
  about.spf.domain = spf.domain;
  if (spf.status == spf::Status::pass) about.spf.outcome = dmarc::Identifier::Outcome::pass;
  if (spf.status == spf::Status::temperror) {
    about.spf.outcome = dmarc::Identifier::Outcome::temperror;
  }
  for (const dkim::SignatureResult& signature : dkim.signatures) {
    dmarc::Identifier& vouches = about.dkim.emplace_back();
    vouches.domain = signature.signature.domain;
    // Not every signature that verifies says something of what a reader sees.
    if (signature.acceptable) vouches.outcome = dmarc::Identifier::Outcome::pass;
    if (signature.status == dkim::Status::temperror) {
      vouches.outcome = dmarc::Identifier::Outcome::temperror;
    }
  }
  const dmarc::Result dmarc = resolve(dmarc::evaluate(about), zone);

  ar::AuthenticationResults results{.authserv_id = "mx.example.com"};
  results.results.push_back(
      entry("spf", spf::to_string(spf.status), spf.reason, {{"smtp", "mailfrom", spf.sender}}));
  for (const dkim::SignatureResult& signature : dkim.signatures) {
    const bool passed = signature.reason == dkim::Reason::ok;
    results.results.push_back(entry("dkim", dkim::to_text(signature.reported()),
                                    passed ? "" : dkim::to_text(signature.reason),
                                    {{"header", "d", signature.signature.domain},
                                     {"header", "s", signature.signature.selector}}));
  }
  if (dkim.signatures.empty()) results.results.push_back(entry("dkim", "none", "", {}));
  results.results.push_back(entry("dmarc", dmarc::to_string(dmarc.status), dmarc.reason,
                                  {{"header", "from", dmarc.from_domain}}));
  results.results.push_back(entry(
      "arc", arc::to_text(arc.status),
      arc.status == arc::Status::fail ? arc::to_text(arc.trouble.reason) : std::string_view(), {}));
  std::cout << ar::write_field(results);
  return dmarc.status == dmarc::Status::fail ? 1 : 0;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 6) {
    std::cerr << "usage: mailauth_check MESSAGE.eml ZONE.json CLIENT-ADDRESS HELO-NAME MAIL-FROM\n";
    return 2;
  }
  try {
    return check(arguments);
  } catch (const std::exception& trouble) {
    std::cerr << trouble.what() << '\n';
    return 2;
  }
}
