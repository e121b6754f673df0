/** When the doctor takes a part for away. The product always uses DOCTOR_LIMITS; tests wait less. */
export interface DoctorLimits {
  /** A part that has not answered a check by then is away. */
  readonly checkMs: number;
  /** A worker that has not asked for tasks for so many seconds is gone. One that waits asks again within a minute. */
  readonly pollerS: number;
  /** A run of reconcile that lasts longer hangs: see SCHEDULED_RUN_LIMIT_MS in src/workers/schedule.ts. */
  readonly reconcileMs: number;
}

export const DOCTOR_LIMITS: DoctorLimits = {
  checkMs: 20_000,
  pollerS: 90,
  reconcileMs: 12 * 60_000,
};
