// Keywords about the client's certificate; docs/restriction-keywords.md lists them.
#include "dialect/restrictions/judges.h"

namespace postern::dialect::restrictions {

namespace {

constexpr const char* no_certificate = "the client has presented no certificate";

}  // namespace

RuleOutcome judge_listed_certificate(Context& context, const Rule& rule) {
  const policy::ClientCertificate* certificate = context.certificate();
  if (certificate == nullptr) return context.pass(no_certificate);
  // The whole certificate first, then its key, each in all tables.
  for (const std::string& print : {certificate->fingerprint, certificate->key_fingerprint}) {
    if (print.empty()) continue;
    const Found found = context.policy().relay_clientcerts.find({print}, &context.replies());
    if (found.status == Found::Status::waiting) return RuleOutcome::wait;
    if (found.status == Found::Status::failed) return context.lookup_trouble(rule, found.trouble);
    if (found.status == Found::Status::found) {
      context.trust_client(rule);
      return context.permit("the certificate is in relay_clientcerts");
    }
  }
  return context.pass("the certificate is not in relay_clientcerts");
}

RuleOutcome judge_trusted_certificate(Context& context, const Rule& rule) {
  const policy::ClientCertificate* certificate = context.certificate();
  if (certificate != nullptr && certificate->trusted) {
    context.trust_client(rule);
    return context.permit("the certificate is trusted");
  }
  return judge_listed_certificate(context, rule);
}

RuleOutcome judge_certificate_access(Context& context, const Rule& rule) {
  const policy::ClientCertificate* certificate = context.certificate();
  if (certificate == nullptr) return context.pass(no_certificate);
  RuleOutcome outcome = context.pass(no_certificate);
  // DUNNO for one fingerprint does not hide the other.
  for (const Print print : rule.prints) {
    const bool whole = print == Print::certificate;
    const std::string& key = whole ? certificate->fingerprint : certificate->key_fingerprint;
    if (key.empty()) continue;
    outcome = check_key(context, rule, key, Subject::certificate);
    if (outcome != RuleOutcome::pass) break;
  }
  if (outcome == RuleOutcome::permit) trust_if_relayed(context, rule);
  return outcome;
}

}  // namespace postern::dialect::restrictions
