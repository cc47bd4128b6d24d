import errors from "@/generated/errors.zh-CN.json";

const files = import.meta.glob("../../../../locales/zh-CN/web/*.ftl", { query: "?raw", import: "default", eager: true });
export default { texts: Object.values(files) as string[], errors };
