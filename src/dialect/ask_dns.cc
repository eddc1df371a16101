#include "dialect/ask_dns.h"

#include <stdexcept>

#include "base/text.h"
#include "policy/answers.h"
#include "policy/inquiry.h"

namespace postern::dialect {

Task<dns::Answer> ask_dns(policy::Inquiry& inquiry, std::string name, dns::Type type) {
  policy::Answers answers(inquiry.evidence);
  if (const auto* known = answers.find(name, type)) co_return *known;
  constexpr std::size_t most_answers = 1'000;  // of a decision; its record holds each
  if (answers.count() >= most_answers) {
    throw std::runtime_error("DNS: too many questions for one message");
  }
  dns::Question question{.name = lower(name), .type = type};
  co_await inquiry.ask(std::move(question));
  const auto* answer = answers.find(name, type);
  co_return answer != nullptr ? *answer : dns::Answer{};
}

std::string dns_sentence(std::string_view name, dns::Type type, const dns::Answer& answer) {
  return "DNS: " + std::string(name) + " " + std::string(dns::to_string(type)) + ": " +
         (answer.status == dns::Status::nx_domain ? "there is no such name"
                                                  : std::string(dns::to_string(answer.status)));
}

}  // namespace postern::dialect
