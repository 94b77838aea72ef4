// The types that files in conf/ are held against. schemas_test.go writes each file
// below, as a constant of its type: then the compiler also finds members that are none.
import type { Dashboard, GraphFieldConfig, Panel, RowPanel, TableFieldOptions } from '@grafana/schema';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { Options as TableOptions } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { Options as TimeSeriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';
import type { IndicesPutIndexTemplateRequest } from '@elastic/elasticsearch/lib/api/types';

// Plain is T as it stands in JSON: members of an enumeration by their values.
type Plain<T> =
  T extends string ? `${T}` :
  T extends number ? (`${T}` extends `${infer N extends number}` ? N : never) :
  T extends object ? { [K in keyof T]: Plain<T[K]> } :
  T;

// What Grafana fills in when it loads a dashboard may be left out.
type PanelOf<Options, Custom> = Plain<Omit<Panel, 'options' | 'fieldConfig'>> & {
  options: Partial<Plain<Options>>;
  fieldConfig: Plain<Omit<NonNullable<Panel['fieldConfig']>, 'defaults'>> & {
    defaults: Plain<Omit<NonNullable<Panel['fieldConfig']>['defaults'], 'custom'>> & { custom?: Partial<Plain<Custom>> };
  };
};
type StatPanel = PanelOf<StatOptions, {}>;
type TimeSeriesPanel = PanelOf<TimeSeriesOptions, GraphFieldConfig>;
type TablePanel = PanelOf<TableOptions, TableFieldOptions>;
type Template = Omit<IndicesPutIndexTemplateRequest, 'name'>;
