// Lists of half the largest size that a request allows (256 KiB a value), or of a quarter of that
// half: the time to judge and report them grows in proportion to the size.
#include <algorithm>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <boost/json/serialize.hpp>

#include "base/growth_test.h"
#include "base/rounds_test.h"
#include "dialect/restrictions/rules.h"
#include "dialect/restrictions/section.h"
#include "dialect/restrictions/section_report.h"

namespace postern::dialect::restrictions {
namespace {

using Settings = decltype(Section::parameters);

const std::size_t quarters = tests::rounds(1, 4);
const std::size_t largest = quarters * 32 * 1024;

/// The most elements that fit, made from 0, 1, ...
template <class Make>
std::string filled(Make make) {
  std::string text;
  for (std::size_t i = 0;; ++i) {
    const std::string one = make(i);
    if (text.size() + one.size() + 2 > largest) return text;
    text += (i > 0 ? ", " : "") + one;
  }
}

/// The same value in several lists.
Settings everywhere(const std::string& value) {
  Settings all;
  for (const ListKind kind :
       {ListKind::client, ListKind::sender, ListKind::relay, ListKind::recipient}) {
    all[std::string(parameter_of(kind))] = value;
  }
  return all;
}

/// Classes that each name the next one `width` times.
Settings nested_classes(std::size_t depth, std::size_t width) {
  Settings all{{"smtpd_recipient_restrictions", "c0"}};
  for (std::size_t i = 0; i < depth; ++i) {
    const std::string name = fmt::format("c{}", i);
    all["smtpd_restriction_classes"] += name + " ";
    for (std::size_t n = 0; n < width; ++n) {
      all[name] += i + 1 < depth ? fmt::format("c{} ", i + 1) : "reject_unknown_client_hostname ";
    }
  }
  return all;
}

/// Classes that each name the next one in a table.
Settings tables_in_a_row(std::size_t count) {
  Settings all{{"smtpd_recipient_restrictions", "c0"}};
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = fmt::format("c{}", i);
    all["smtpd_restriction_classes"] += name + " ";
    all[name] = fmt::format("check_client_access static:c{}", (i + 1) % count);
  }
  return all;
}

/// A class of one rule for each element.
Settings many_classes() {
  Settings all;
  all["smtpd_restriction_classes"] = filled([&](std::size_t i) {
    const std::string name = fmt::format("class{}", i);
    all[name] = "reject_unknown_client_hostname";
    return name;
  });
  all["smtpd_recipient_restrictions"] = all["smtpd_restriction_classes"];
  return all;
}

/// Each class names the next one; the last contains an error. Fifty are listed in order, each after
/// the classes that it leads to.
Settings broken_classes() {
  Settings all;
  std::size_t count = 0;
  filled([&](std::size_t i) { return fmt::format("class{}", count = i); });
  for (std::size_t i = 0; i <= count; ++i) {
    all[fmt::format("class{}", i)] = i < count ? fmt::format("class{}", i + 1) : "nonsense";
  }
  std::string& classes = all["smtpd_restriction_classes"];
  for (std::size_t begin = count / 50 * 50 + 50; begin > 0;) {
    begin -= 50;
    for (std::size_t i = begin; i <= std::min(begin + 49, count); ++i) {
      classes += fmt::format("class{} ", i);
    }
  }
  return all;
}

TEST(SectionGrowth, the_largest_lists_are_judged_in_linear_time) {
  const struct {
    const char* name;
    Settings parameters;
  } cases[] = {
      {"equal rules", everywhere(filled([](std::size_t i) -> std::string {
         return i % 2 == 0 ? "reject_unknown_sender_domain" : "check_sender_access inline:{x=OK}";
       }))},
      {"different tables", everywhere(filled([](std::size_t i) {
         return fmt::format("check_sender_access inline:{{x{}=OK}}", i);
       }))},
      {"unknown keywords", everywhere(filled([](std::size_t i) { return fmt::format("k{}", i); }))},
      {"DNS lists", everywhere(filled([](std::size_t i) {
         return fmt::format("reject_rbl_client l{}.test", i);
       }))},
      {"policy servers", everywhere(filled([](std::size_t i) {
         return fmt::format("check_policy_service inet:127.0.0.1:{}", i % 60'000 + 1);
       }))},
      {"tables of other programs", everywhere(filled([](std::size_t i) {
         return fmt::format("check_client_access tcp:127.0.0.1:{}", i % 60'000 + 1);
       }))},
      {"many classes", many_classes()},
      {"classes that name a broken one", broken_classes()},
      {"equal registry suffixes",
       {{"mydestination", filled([](std::size_t) { return "net"; })},
        {"relay_domains", filled([](std::size_t) { return "net"; })}}},
      {"undefined references",
       {{"smtpd_restriction_classes",
         filled([](std::size_t i) { return fmt::format("class{}", i); })},
        {"smtpd_recipient_restrictions",
         filled([](std::size_t i) { return fmt::format("$nowhere{}", i); })}}},
      {"classes within classes", nested_classes(16, 100)},
      {"classes in a long row", nested_classes(2000 * quarters, 1)},
      {"tables in a long row", tables_in_a_row(1250 * quarters)},
      {"networks", {{"mynetworks", filled([](std::size_t i) {
                       return fmt::format("{}10.{}.{}.0/24", i % 2 == 0 ? "" : "!", i / 256 % 256,
                                          i % 256);
                     })}}},
      {"domains",
       {{"mydestination", filled([](std::size_t i) { return fmt::format("d{}.test", i); })},
        {"relay_domains", filled([](std::size_t i) { return fmt::format("d{}.test", i); })}}},
  };
  const TableSources sources{.read = [](const std::string&) -> Result<std::string> {
    return fail(Fault::not_found, "no such file");
  }};
  for (const auto& one : cases) {
    Section section;
    section.parameters = one.parameters;
    std::string text;
    const double seconds = tests::cpu_seconds([&] {
      const Judged judged = judge(section, "mx.example.net", sources);
      text = boost::json::serialize(lint_json(section, judged, "mx.example.net"));
    });
    EXPECT_FALSE(text.empty());
    // The whole takes less than a second in an optimised build, and seven with sanitizers; twice
    // that where another program has the other half of the processor. With quadratic growth it takes
    // minutes.
    EXPECT_LT(seconds, 40.0 * static_cast<double>(quarters)) << one.name;
  }
}

}  // namespace
}  // namespace postern::dialect::restrictions
