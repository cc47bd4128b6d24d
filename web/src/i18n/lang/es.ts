import errors from "@/generated/errors.es.json";

const files = import.meta.glob("../../../../locales/es/web/*.ftl", { query: "?raw", import: "default", eager: true });
export default { texts: Object.values(files) as string[], errors };
