#include "app/judged_courier.h"

#include "policy/record.h"

namespace postern::app {
namespace {

using policy::Stage;

/// What is known of the message was learnt when it came; nothing more is asked.
class NothingMore final : public policy::Gatherer {
 public:
  Task<void> gather(policy::Need, policy::Evidence&) override { co_return; }
};

queue::Carried all_alike(const queue::Errand& errand, const smtp::RecipientResult& result) {
  queue::Carried carried;
  carried.results.assign(errand.recipients.size(), result);
  return carried;
}

}  // namespace

Task<queue::Carried> JudgedCourier::carry(const queue::Errand& errand, queue::Text& text) {
  const auto engine = engine_->get();
  for (const Stage stage : {Stage::queued, Stage::delivery}) {
    if (!engine->speaks_at(stage) || (stage == Stage::queued && errand.attempt > 1)) continue;
    const std::string& stored = errand.message.envelope.evidence;
    const std::size_t begin = std::min(stored.find('{'), stored.size());
    Result<policy::Evidence> evidence =
        policy::read_evidence(std::string_view(stored).substr(begin));
    if (!evidence) {  // closed: without evidence nothing is let through
      co_return all_alike(errand, {.klass = smtp::ResultClass::temporary,
                                   .enhanced = {4, 3, 0},
                                   .text = evidence.error().message});
    }
    NothingMore nothing;
    const policy::Decision decision = co_await engine->decide(stage, *evidence, nothing);
    if (policy::refused(decision)) {
      const bool later = decision.reply.temporary();
      queue::Carried refused = all_alike(
          errand, {.klass = later ? smtp::ResultClass::temporary : smtp::ResultClass::permanent,
                   .enhanced = decision.reply.enhanced,
                   .text = decision.reply.text});
      refused.by_rule = true;
      co_return refused;
    }
    if (decision.quarantine) {
      queue::Carried aside = all_alike(errand, {});
      aside.set_aside = *decision.quarantine;
      co_return aside;
    }
  }
  queue::Carried carried = co_await next_.carry(errand, text);
  co_return carried;
}

}  // namespace postern::app
