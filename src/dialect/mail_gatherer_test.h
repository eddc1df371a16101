// Evidence as the gateway gathers it, for tests of layers that run scripts.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "dns/recorded_resolver.h"
#include "policy/authentication.h"
#include "policy/inquiry.h"

namespace postern::dialect::testing {

/// Gathers evidence as the gateway does, with the DNS of a JSON zone.
class MailGatherer final : public policy::Gatherer {
 public:
  explicit MailGatherer(const std::string& zone = "{}")
      : resolver_(*dns::RecordedResolver::parse(zone)),
        authentication_(options_, caches_, *resolver_) {}

  void receive(std::string text) {
    text_ = std::move(text);
    authentication_.begin(nullptr);
    authentication_.feed(text_);
  }
  Task<void> gather(policy::Need needs, policy::Evidence& evidence) override {
    ++gathered;
    co_await authentication_.gather(needs, evidence);
  }
  Task<void> ask(dns::Question question, policy::Evidence& evidence) override {
    ++asked;
    co_await authentication_.ask(std::move(question), evidence);
  }
  std::optional<std::string_view> message() override { return std::string_view(text_); }

  int gathered = 0;
  int asked = 0;

 private:
  std::string text_;
  std::unique_ptr<dns::RecordedResolver> resolver_;
  policy::AuthenticationOptions options_{.receiver = "mx.example.org"};
  policy::AuthenticationCaches caches_;
  policy::MessageAuthentication authentication_;
};

}  // namespace postern::dialect::testing
