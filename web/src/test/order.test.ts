import { expect, test } from "vitest";
import { inOrder } from "@/ui/order";

const sorted = (names: string[], language = "en"): string[] => inOrder(names, (name) => name, language);

test("numbers in names count, and capitals do not", () => {
  expect(sorted(["web10", "Web2", "web1", "db", "web2"])).toEqual(["db", "web1", "Web2", "web2", "web10"]);
});

test("names of every script find their place", () => {
  expect(sorted(["zorro", "ñu", "nube", "oso"], "es")).toEqual(["nube", "ñu", "oso", "zorro"]);
  expect(sorted(["张三", "web1", "李四"], "zh-CN")).toEqual(["web1", "李四", "张三"].sort((a, b) => new Intl.Collator("zh-CN").compare(a, b)));
});
