#include "plan/check_certificate.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include <boost/json.hpp>

#include "base/text.h"
#include "base/thread.h"
#include "plan/certificate_form.h"
#include "plan/certificate_part.h"

namespace postern::plan {

namespace certified {

namespace {

namespace restrictions = dialect::restrictions;
using restrictions::ListPolicy;

void check_equal(const CertifiedVersion& before, const CertifiedVersion& after) {
  const auto text_of = [](const CertifiedVersion& version) {
    if (version.lists == nullptr) return std::string();
    json::value definition = json::parse(version.lists->definition);
    definition.as_object().erase("places");
    return json::serialize(definition);
  };
  if (text_of(before) != text_of(after)) throw Wrong("the lists are not the same");
}

/// See Subject::own.
std::vector<std::size_t> own_classes(const CertificateText& text, const CertifiedPair& pair) {
  std::vector<std::size_t> own;
  for (std::size_t at = 0; at < text.classes[rcpt].size(); ++at) {
    const Members& one = text.classes[rcpt][at];
    const auto is_ours = [&](const ListPolicy* lists) {
      return lists->domain_class(lower(one.name)) != restrictions::DomainClass::foreign;
    };
    if (!one.name.empty() && !one.winding && std::ranges::any_of(pair.lists, is_ours)) {
      own.push_back(at);
    }
  }
  return own;
}

/// Plays all parts, on a thread for each core, and for each part at most.
void play(Subject& subject, Checked& result) {
  std::array<Checked, parts> played;
  std::array<std::exception_ptr, parts> broken;
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t number = 0; (number = next++) < parts;) {
      try {
        played[number] = play_part(subject, number);
      } catch (...) {
        broken[number] = std::current_exception();
      }
    }
  };
  std::vector<std::thread> others;
  others.reserve(parts);
  const std::size_t cores = std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, parts);
  try {
    while (others.size() + 1 < cores) {
      others.push_back(named_thread("certificate-" + std::to_string(others.size()), work));
    }
  } catch (const std::exception&) {  // no more threads: those that there are do it
  }
  work();
  for (std::thread& one : others) one.join();
  for (const std::exception_ptr& one : broken) {
    if (one) std::rethrow_exception(one);
  }
  for (const Checked& one : played) {
    result.paths += one.paths;
    result.dialogues += one.dialogues;
    result.sampled = result.sampled || one.sampled;
    if (result.fault.empty()) result.fault = one.fault;
  }
}

void check(std::string_view certificate, const CertifiedVersion& before,
           const CertifiedVersion& after, const CertificateCheck& options, Checked& result) {
  const auto deadline = std::chrono::steady_clock::now() + options.time;
  CertificateText text = read_certificate(certificate, {before.digest, after.digest});
  result.claims = text.claims;
  if (text.nodes.empty()) return check_equal(before, after);
  const CertifiedPair pair(before, after);
  const bool has_rules = check_form(text, pair);
  const Replay replay(text, pair, has_rules);
  const bool has_those = has_classes(text, pair, [&] {
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Wrong("its classes cannot be compared in the time that there is");
    }
  });
  Subject subject{.text = text,
                  .pair = pair,
                  .replay = replay,
                  .options = options,
                  .deadline = deadline,
                  .own = own_classes(text, pair)};
  play(subject, result);
  // Last: the rest is a second opinion on classes, too.
  if (result.fault.empty() && !has_those) {
    throw Wrong("its classes are not those that these versions have");
  }
}

}  // namespace

}  // namespace certified

Checked check_certificate(std::string_view text, const CertifiedVersion& before,
                          const CertifiedVersion& after, const CertificateCheck& options) {
  Checked result;
  try {
    certified::check(text, before, after, options, result);
  } catch (const certified::Unreadable& other) {
    result.fault = other.what();
    result.unreadable = true;
  } catch (const certified::Wrong& wrong) {
    result.fault = wrong.what();
  } catch (const std::exception&) {  // of JSON: another type, a missing member
    result.fault = "a line of it cannot be read, perhaps as it is cut off there";
    result.unreadable = true;
  }
  return result;
}

}  // namespace postern::plan
