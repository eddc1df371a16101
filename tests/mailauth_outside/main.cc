// Asks each part of the installed library one question, with answers from a table.
#include <cstdio>
#include <map>
#include <string>

#include <mailauth/ar/parse.h>
#include <mailauth/ar/strip.h>
#include <mailauth/ar/write.h>
#include <mailauth/arc/seal.h>
#include <mailauth/arc/validate.h>
#include <mailauth/dkim/sign.h>
#include <mailauth/dkim/verify.h>
#include <mailauth/dmarc/evaluate.h>
#include <mailauth/dmarc/from_header.h>
#include <mailauth/spf/check_host.h>

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  std::printf("not so: %s\n", what);
  ++failures;
}

using Zone = std::map<std::string, std::string>;

template <class T>
T drive(mailauth::Evaluation<T> evaluation, const Zone& zone) {
  while (const mailauth::Question* question = evaluation.next()) {
    const auto found = zone.find(question->name);
    if (found == zone.end()) {
      evaluation.feed({.status = mailauth::Answer::Status::nx_domain, .records = {}});
    } else {
      evaluation.feed({.status = mailauth::Answer::Status::found, .records = {found->second}});
    }
  }
  return evaluation.result();
}

}  // namespace

int main() {
  using namespace mailauth;
  const std::string message = "From: Ann <ann@example.org>\r\nSubject: hello\r\n\r\nHello.\r\n";
  const auto key = dkim::SigningKey::generate_rsa(2048);
  expect(key.has_value(), "a key is made");
  const Zone zone = {{"example.org", "v=spf1 ip4:192.0.2.0/24 -all"},
                     {"_dmarc.example.org", "v=DMARC1; p=reject"},
                     {"s._domainkey.example.org", key->public_record()}};

  const auto client = postern::IpAddress::parse("192.0.2.1");
  const spf::Result spf =
      drive(spf::check_host(
                {.client = *client, .helo = "mail.example.org", .mail_from = "a@example.org"}),
            zone);
  expect(spf.status == spf::Status::pass, "SPF passes");

  const auto field = dkim::sign_message({{&*key, "s"}}, {.domain = "example.org"}, message);
  expect(field.has_value(), "a message is signed");
  const std::string signed_message = *field + message;
  const dkim::Results dkim = drive(dkim::verify_message(signed_message, 0), zone);
  expect(dkim.overall() == dkim::Status::pass, "its signature verifies");

  const auto author = dmarc::author_of({std::string_view("Ann <ann@example.org>")});
  expect(author.is_strict() && author.domains.front() == "example.org", "the author is found");
  dmarc::Request request{.from_domain = author.domains.front()};
  request.dkim.push_back({.outcome = dmarc::Identifier::Outcome::pass, .domain = "example.org"});
  const dmarc::Result dmarc = drive(dmarc::evaluate(request), zone);
  expect(dmarc.status == dmarc::Status::pass && dmarc.dkim_aligned, "DMARC passes");

  arc::Validator validator;
  validator.feed(signed_message);
  validator.finish();
  dkim::BodyHasher body(dkim::Canonicalization::relaxed);
  body.feed("Hello.\r\n");
  body.finish();
  const arc::Verdict before = drive(validator.evaluate(), zone);
  const auto added = arc::seal(*key, {.domain = "example.org", .selector = "s", .time = 1},
                               validator.header(), body, before, "mx.example.org; none");
  expect(added && *added, "a set is added");
  const std::string sealed = (*added)->text() + signed_message;
  expect(drive(arc::validate(sealed), zone).status == arc::Status::pass, "the chain passes");

  const auto results = ar::parse("mx.example.org; spf=pass smtp.mailfrom=a@example.org");
  expect(results.has_value(), "results are read");
  expect(ar::write(*results).find("spf=pass") != std::string::npos, "and written");
  expect(ar::must_remove("MX.example.org; none", ar::OwnIds({"mx.example.org"})), "and judged");
  return failures == 0 ? 0 : 1;
}
