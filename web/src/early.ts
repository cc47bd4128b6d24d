// What every page needs first, asked for while the program itself is still being fetched and read:
// its session, the first tables, and the texts of its language. Without this everything comes too,
// only later. What is imported here arrives before all else: it has to be little.
import { fetchTexts, preferredLanguage } from "./i18n/preferred";
import { askFirst } from "./store/early";

askFirst();
// Whoever needs them asks again, and is told what went wrong.
fetchTexts(preferredLanguage()).catch(() => undefined);
