#include "policy/gateway_layer.h"

#include <fmt/format.h>

#include "policy/catalogue.h"
#include "policy/inquiry.h"
#include "policy/layer.h"
#include "policy/ruling.h"
#include "policy/step.h"
#include "policy/webhook.h"

namespace postern::policy {

namespace {

constexpr auto loop_origin = "limits.received_fields";
constexpr auto header_limits_origin = "limits.header_size, limits.header_fields";

class GatewayLayer final : public Layer {
 public:
  GatewayLayer(const smtp::Limits& limits, DmarcRule dmarc) : limits_(limits), dmarc_(dmarc) {
    plan_.add({&checks::recipient_known, {}, "routes"});
    plan_.add({&checks::received_loop, std::uint64_t{limits.received_fields}, loop_origin});
    plan_.add({&checks::header_limits, SizeLimits{limits.header_size, limits.header_fields},
               header_limits_origin});
    if (dmarc == DmarcRule::enforce)
      plan_.add({&checks::dmarc_aligned, {}, "authentication.dmarc"});
    if (dmarc == DmarcRule::require) plan_.add({&checks::dmarc_passed, {}, "authentication.dmarc"});
  }

  std::string_view name() const override { return "gateway"; }
  std::string definition() const override {
    return fmt::format(
        R"({{"received_fields":{},"header_size":{},"header_fields":{},"dmarc":"{}"}})",
        limits_.received_fields, limits_.header_size, limits_.header_fields,
        dmarc_rule_words[static_cast<std::size_t>(dmarc_)]);
  }
  bool speaks_at(Stage stage) const override { return !plan_.at(stage).empty(); }
  /// The scanner keeps nothing of an oversized header, so no other layer could judge it.
  std::optional<Step> refusal_unread(Stage stage, const Evidence& evidence) const override {
    if (stage != Stage::message) return std::nullopt;
    const auto step = [&](const Check& check, const Argument& argument, std::string_view origin) {
      return Step{.stage = stage,
                  .layer = name(),
                  .check = check.name,
                  .origin = std::string(origin),
                  .verdict = check.judge(evidence, argument)};
    };
    Step header =
        step(checks::header_limits, SizeLimits{limits_.header_size, limits_.header_fields},
             header_limits_origin);
    if (!header.verdict.refuses()) return std::nullopt;
    // A loop is the better explanation of a long header.
    Step loop = step(checks::received_loop, std::uint64_t{limits_.received_fields}, loop_origin);
    return loop.verdict.refuses() ? std::move(loop) : std::move(header);
  }
  Task<Ruling> judge(Stage stage, Inquiry& inquiry, std::vector<Step>& steps) const override {
    Verdict verdict = stage == Stage::message
                          ? co_await judge_message(inquiry, steps)
                          : co_await run_plan(name(), plan_, stage, inquiry, steps);
    co_return verdict;
  }

 private:
  /// Repeats the check of edited recipients first: an address that no longer exists is no
  /// recipient, whatever other layers decided.
  Task<Verdict> judge_message(Inquiry& inquiry, std::vector<Step>& steps) const {
    const Evidence& evidence = inquiry.evidence;
    const Rule still_owned{&checks::recipient_still_owned, {}, "routes"};
    const Webhook* seen = nullptr;
    for (std::size_t i = 0; i < evidence.recipients.size(); ++i) {
      const Recipient& one = evidence.recipients[i];
      if (!one.judged || (seen != nullptr && one.route.webhook.get() == seen)) continue;
      seen = one.route.webhook.get();
      const Inquiry::Judging again(inquiry, one);
      Verdict verdict = co_await run_rule(name(), still_owned, inquiry, steps);
      if (verdict.decides()) co_return verdict;
    }
    if (evidence.revoked_meanwhile) {
      const Rule signed_in{&checks::still_signed_in, {}, "routes"};
      Verdict verdict = co_await run_rule(name(), signed_in, inquiry, steps);
      if (verdict.decides()) co_return verdict;
    }
    co_return co_await run_plan(name(), plan_, Stage::message, inquiry, steps);
  }

  smtp::Limits limits_;
  DmarcRule dmarc_;
  Plan plan_;
};

}  // namespace

std::shared_ptr<const Layer> gateway_layer(const smtp::Limits& limits, DmarcRule dmarc) {
  return std::make_shared<GatewayLayer>(limits, dmarc);
}

}  // namespace postern::policy
