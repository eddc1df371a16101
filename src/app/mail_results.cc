#include "app/mail_text.h"
#include "mailauth/ar/write.h"

namespace postern::app {

namespace {

namespace ar = mailauth::ar;

ar::MethodResult entry(std::string_view method, std::string_view result, std::string_view reason,
                       std::vector<ar::Property> properties) {
  ar::MethodResult out{.method = std::string(method), .result = std::string(result)};
  if (!reason.empty()) out.reason = std::string(reason);
  out.properties = std::move(properties);
  return out;
}

/// RFC 8601 §2.7.2.
ar::MethodResult spf_entry(const mailauth::spf::Result& spf) {
  return entry("spf", mailauth::spf::to_string(spf.status), spf.reason,
               {{"smtp", std::string(mailauth::spf::to_string(spf.identity)), spf.sender}});
}

/// RFC 8601 §2.7.1, RFC 6008: header.b tells signatures of one domain apart.
void add_dkim(const mailauth::dkim::Results& dkim, std::vector<ar::MethodResult>& out) {
  if (dkim.signatures.empty()) out.push_back(entry("dkim", "none", "", {}));
  for (const mailauth::dkim::SignatureResult& one : dkim.signatures) {
    std::vector<ar::Property> properties;
    if (!one.signature.domain.empty()) {
      properties = {{"header", "d", one.signature.domain},
                    {"header", "s", one.signature.selector},
                    {"header", "a", std::string(mailauth::dkim::to_text(one.signature.algorithm))}};
    }
    const bool passed = one.reason == mailauth::dkim::Reason::ok;
    const std::string_view reason = passed ? "" : mailauth::dkim::to_text(one.reason);
    out.push_back(entry("dkim", mailauth::dkim::to_text(one.reported()),
                        passed && !one.acceptable ? "not acceptable" : reason,
                        std::move(properties)));
  }
}

}  // namespace

std::string results_field(const std::string& hostname, const mailauth::spf::Result* spf,
                          const mailauth::dkim::Results* dkim, const mailauth::dmarc::Result* dmarc,
                          const mailauth::arc::Verdict* arc) {
  ar::AuthenticationResults results{.authserv_id = hostname};
  if (spf != nullptr) results.results.push_back(spf_entry(*spf));
  if (dkim != nullptr) add_dkim(*dkim, results.results);
  if (dmarc != nullptr) {
    std::vector<ar::Property> properties;
    if (!dmarc->from_domain.empty()) properties = {{"header", "from", dmarc->from_domain}};
    results.results.push_back(entry("dmarc", mailauth::dmarc::to_string(dmarc->status),
                                    dmarc->reason, std::move(properties)));
  }
  if (arc != nullptr) {
    const bool failed = arc->status == mailauth::arc::Status::fail;
    results.results.push_back(
        entry("arc", mailauth::arc::to_text(arc->status),
              failed ? mailauth::arc::to_text(arc->trouble.reason) : std::string_view(), {}));
  }
  std::string out;
  for (const char c : ar::write_field(results)) {
    if (c != '\r') out += c;
  }
  return out;
}

}  // namespace postern::app
