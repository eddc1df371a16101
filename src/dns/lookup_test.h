// One question to a resolver, in tests.
#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "base/run_task_test.h"
#include "dns/resolver.h"

namespace postern::dns {

inline Answer lookup(Resolver& resolver, std::string name, Type type = Type::txt,
                     std::chrono::milliseconds limit = std::chrono::seconds(5)) {
  return tests::run(resolver.lookup({std::move(name), type}, limit));
}

}  // namespace postern::dns
