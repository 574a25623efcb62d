import { influxdb } from '../../support/stores/influxdb.js';
import { metricsContract } from './contract.js';

metricsContract(influxdb);
