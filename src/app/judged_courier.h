// Rules that speak after acceptance: the stages `queued` and `delivery`.
#pragma once

#include <memory>

#include "policy/layer.h"
#include "queue/courier.h"

namespace postern::app {

/// Asks the engine before another courier is sent out: at the stage `queued` once, before a
/// message's first attempt at a destination, and at `delivery` before each. A rule that defers puts
/// the attempt off, one that rejects ends it (and its sender is told, if that is no backscatter),
/// one that quarantines sets the message aside. Costs nothing while no layer speaks there.
class JudgedCourier final : public queue::Courier {
 public:
  /// `next` outlives it.
  JudgedCourier(queue::Courier& next, std::shared_ptr<const policy::CurrentEngine> engine)
      : next_(next), engine_(std::move(engine)) {}
  Task<queue::Carried> carry(const queue::Errand& errand, queue::Text& text) override;

 private:
  queue::Courier& next_;
  const std::shared_ptr<const policy::CurrentEngine> engine_;
};

}  // namespace postern::app
