import errors from "@/generated/errors.en.json";

const files = import.meta.glob("../../../../locales/en/web/*.ftl", { query: "?raw", import: "default", eager: true });
export default { texts: Object.values(files) as string[], errors };
