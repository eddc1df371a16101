#include "gateway/consultation.h"

#include "net/policy_client.h"

namespace postern::gateway {

Task<void> consult_policy_server(policy::Consultation question, std::chrono::milliseconds patience,
                                 policy::Evidence& evidence) {
  Result<std::string> answer =
      co_await net::ask_policy_server(question.service, question.request, patience);
  question.failed = !answer;
  question.answer = answer ? std::move(*answer) : answer.error().message;
  evidence.consulted.push_back(std::move(question));
}

}  // namespace postern::gateway
