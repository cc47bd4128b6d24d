// Lists of objects: thousands of rows, instant filter, sorting, selection and bulk actions.
import {
  EmptyState,
  EmptyStateBody,
  SearchInput,
  Toolbar,
  ToolbarContent,
  ToolbarItem,
} from "@patternfly/react-core";
import { useVirtualizer } from "@tanstack/react-virtual";
import { type KeyboardEvent, memo, type ReactNode, useCallback, useDeferredValue, useMemo, useRef, useState } from "react";
import { ActionMenu } from "@/actions/ActionMenu";
import type { ClassName } from "@/generated/xenapi";
import { useI18n } from "@/i18n";
import type { Item } from "@/store/hooks";
import { inOrder } from "./order";
import { useParam } from "./useParam";

export interface Column<T> {
  id: string;
  /** Message of the heading. */
  label: string;
  cell: (row: T) => ReactNode;
  /** What is searched and sorted by; columns without are not. */
  value?: (row: T) => string | number;
  /** CSS grid width, such as `2fr` or `120px`. */
  width?: string;
  /** Numbers stand at the right. */
  isNumber?: boolean;
}

interface Props<C extends ClassName> {
  of: C;
  rows: ReadonlyArray<Item<C>>;
  columns: ReadonlyArray<Column<Item<C>>>;
  /** Message that names the list for screen readers. */
  label: string;
  /** Shown where nothing is. */
  empty?: ReactNode;
  /** More controls beside the search. */
  tools?: ReactNode;
  hasSelection?: boolean;
  /** Begins the names of its filter and order in the address; where a page has several lists. */
  param?: string;
  /** Height of the list as CSS; the list scrolls within. */
  height?: string;
}

const ROW_PX = 44;

export function ObjectTable<C extends ClassName>(props: Props<C>): ReactNode {
  const { of, rows, columns, label, empty, tools, hasSelection = true, param = "", height = "calc(100vh - 20rem)" } = props;
  const { t, number, language } = useI18n();
  const [query, setQuery] = useParam<string>(`${param}q`, "");
  const [order, setOrder] = useParam<string>(`${param}sort`, columns[0]?.id ?? "");
  const sort = useMemo(() => ({ id: order.replace(/^-/, ""), down: order.startsWith("-") }), [order]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const wanted = useDeferredValue(query);

  const searched = useMemo(() => search(rows, columns, wanted), [rows, columns, wanted]);
  const shown = useMemo(() => sorted(searched, columns, sort, language), [searched, columns, sort, language]);
  // Objects that have gone are not selected any more.
  const selected = useMemo(() => rows.filter((row) => chosen.has(row.$ref)), [rows, chosen]);

  const toggle = useCallback((ref: string): void => {
    setChosen((before) => {
      const next = new Set(before);
      if (!next.delete(ref)) next.add(ref);
      return next;
    });
  }, []);
  const all = shown.length > 0 && shown.every((row) => chosen.has(row.$ref));
  const toggleAll = (): void => setChosen(all ? new Set() : new Set(shown.map((row) => row.$ref)));

  if (rows.length === 0 && empty !== undefined) return empty;
  return (
    <div className="hv-table">
      <Toolbar className="hv-table-tools">
        <ToolbarContent>
          <ToolbarItem>
            <SearchInput
              value={query}
              placeholder={t("filter-list")}
              aria-label={t("filter-list")}
              onChange={(_event, value) => setQuery(value)}
              onClear={() => setQuery("")}
              resultsCount={query === "" ? undefined : number(shown.length)}
            />
          </ToolbarItem>
          {tools !== undefined && <ToolbarItem>{tools}</ToolbarItem>}
          {hasSelection && selected.length > 0 && (
            <ToolbarItem className="hv-bulk">
              <span>{t("selected", { count: selected.length })}</span>
              <ActionMenu of={of} targets={selected} isCompact />
            </ToolbarItem>
          )}
        </ToolbarContent>
      </Toolbar>
      {shown.length === 0 ? (
        <EmptyState titleText={t("nothing-matches")} variant="sm" headingLevel="h2">
          <EmptyStateBody>{t("nothing-matches-body", { query })}</EmptyStateBody>
        </EmptyState>
      ) : (
        <Rows
          rows={shown}
          columns={columns}
          label={t(label)}
          height={height}
          sort={sort}
          onSort={(id) => setOrder(sort.id === id && !sort.down ? `-${id}` : id)}
          selection={hasSelection ? { chosen, toggle, all, toggleAll } : undefined}
        />
      )}
    </div>
  );
}

interface Selection {
  chosen: ReadonlySet<string>;
  toggle: (ref: string) => void;
  all: boolean;
  toggleAll: () => void;
}

interface RowsProps<T> {
  rows: readonly T[];
  columns: ReadonlyArray<Column<T>>;
  label: string;
  height: string;
  sort: { id: string; down: boolean };
  onSort: (id: string) => void;
  selection: Selection | undefined;
}

/** The rows that are in sight, and room for the others. */
function Rows<T extends { $ref: string }>(props: RowsProps<T>): ReactNode {
  const { rows, columns, label, height, sort, onSort, selection } = props;
  const { t } = useI18n();
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => ROW_PX,
    overscan: 12,
    initialRect: { width: 1200, height: 700 },
  });
  const widths = columns.map((column) => column.width ?? "1fr").map((width) => `minmax(0, ${width})`);
  const template = [...(selection === undefined ? [] : ["40px"]), ...widths].join(" ");
  const grid = { gridTemplateColumns: template };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { PageDown: 10, PageUp: -10, End: rows.length, Home: -rows.length }[event.key];
    if (step === undefined || !(event.target instanceof HTMLElement) || event.target.tagName === "INPUT") return;
    event.preventDefault();
    const now = Math.floor((scroller.current?.scrollTop ?? 0) / ROW_PX);
    virtual.scrollToIndex(Math.max(0, Math.min(rows.length - 1, now + step)), { align: "start" });
  };
  return (
    <div
      ref={scroller}
      className="hv-rows"
      role="table"
      aria-label={label}
      aria-rowcount={rows.length + 1}
      style={{ maxHeight: height }}
      tabIndex={0}
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup" className="hv-rows-head">
        <div role="row" aria-rowindex={1} className="hv-row" style={grid}>
          {selection !== undefined && (
            <div role="columnheader">
              <input type="checkbox" aria-label={t("select-all")} checked={selection.all} onChange={selection.toggleAll} />
            </div>
          )}
          {columns.map((column) => (
            <Heading key={column.id} column={column} sort={sort} onSort={onSort} />
          ))}
        </div>
      </div>
      <div role="rowgroup" className="hv-rows-body" style={{ height: virtual.getTotalSize() }}>
        {virtual.getVirtualItems().map(({ index, start }) => {
          const row = rows[index];
          if (row === undefined) return null;
          return (
            <Line
              key={row.$ref}
              row={row}
              columns={columns as ReadonlyArray<Column<Identified>>}
              index={index}
              start={start}
              grid={template}
              isChosen={selection?.chosen.has(row.$ref) === true}
              onToggle={selection?.toggle}
            />
          );
        })}
      </div>
    </div>
  );
}

type Identified = { $ref: string };

interface LineProps {
  row: Identified;
  columns: ReadonlyArray<Column<Identified>>;
  index: number;
  start: number;
  grid: string;
  isChosen: boolean;
  onToggle: ((ref: string) => void) | undefined;
}

/** One row; drawn again only when something of it has changed, however far the list is scrolled. */
const Line = memo(function Line({ row, columns, index, start, grid, isChosen, onToggle }: LineProps): ReactNode {
  const { t } = useI18n();
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={onToggle === undefined ? undefined : isChosen}
      className="hv-row"
      style={{ gridTemplateColumns: grid, transform: `translateY(${start}px)` }}
    >
      {onToggle !== undefined && (
        <div role="cell">
          <input
            type="checkbox"
            aria-label={t("select-row", { name: "name_label" in row ? String(row.name_label) : "" })}
            checked={isChosen}
            onChange={() => onToggle(row.$ref)}
          />
        </div>
      )}
      {columns.map((column) => (
        <div key={column.id} role="cell" className={column.isNumber === true ? "hv-number" : undefined}>
          {column.cell(row)}
        </div>
      ))}
    </div>
  );
});

interface HeadingProps<T> {
  column: Column<T>;
  sort: { id: string; down: boolean };
  onSort: (id: string) => void;
}

function Heading<T>({ column, sort, onSort }: HeadingProps<T>): ReactNode {
  const { t } = useI18n();
  const isSorted = sort.id === column.id;
  const className = column.isNumber === true ? "hv-number" : undefined;
  if (column.value === undefined) {
    return (
      <div role="columnheader" className={className}>
        {t(column.label)}
      </div>
    );
  }
  return (
    <div role="columnheader" className={className} aria-sort={isSorted ? (sort.down ? "descending" : "ascending") : "none"}>
      <button type="button" className="hv-sort" onClick={() => onSort(column.id)}>
        {t(column.label)}
        <span aria-hidden="true">{isSorted ? (sort.down ? " ↓" : " ↑") : ""}</span>
      </button>
    </div>
  );
}

/** Rows in which every word of the query occurs somewhere. */
function search<T>(rows: readonly T[], columns: ReadonlyArray<Column<T>>, query: string): readonly T[] {
  const words = query.toLowerCase().split(/\s+/).filter((word) => word !== "");
  if (words.length === 0) return rows;
  return rows.filter((row) => {
    const text = columns.map((column) => String(column.value?.(row) ?? "")).join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  });
}

function sorted<T>(
  rows: readonly T[],
  columns: ReadonlyArray<Column<T>>,
  sort: { id: string; down: boolean },
  language: string,
): readonly T[] {
  const value = columns.find((column) => column.id === sort.id)?.value;
  if (value === undefined) return rows;
  const [first] = rows;
  const isNumber = first !== undefined && typeof value(first) === "number";
  const inTurn = isNumber ? [...rows].sort((a, b) => Number(value(a)) - Number(value(b))) : inOrder(rows, (row) => String(value(row)), language);
  return sort.down ? inTurn.reverse() : inTurn;
}
