#include "policy/questions/rate.h"

#include <algorithm>

#include <fmt/format.h>

#include "policy/webhook.h"

namespace postern::policy::questions {

Rate rate(const Evidence& evidence) {
  const Webhook* webhook = evidence.candidate ? evidence.candidate->route.webhook.get() : nullptr;
  if (webhook == nullptr || webhook->rate_limit_per_minute == 0) return {};
  const double tokens = evidence.rate_tokens.value_or(0);
  return {.limited = true,
          .available = tokens >= 1,
          .left = std::max(tokens, 0.0),
          .a_minute = webhook->rate_limit_per_minute};
}

std::string Rate::words() const {
  return limited ? fmt::format("{:.1f} of {} a minute left", left, a_minute) : "no limit";
}

}  // namespace postern::policy::questions
